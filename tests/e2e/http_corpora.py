# SPDX-License-Identifier: Apache-2.0
"""What public suites of hostile and odd requests ask of a server, as tables of our own: h1spec, http-desync-guardian, llhttp, the HTTP Garden, the RFCs.

The facts are theirs, the bytes and the names are ours. Each case has a Host field and a target that is served, so that nothing else is wrong with it.
Those of Http11Probe are in http11probe.py.
"""
from typing import NamedTuple

REFUSED = "refused"    # with one of these statuses, and the connection ends
SERVED = "served"      # by the function, and so is what comes next
LAST = "last"          # served, and the connection ends
ANSWERED = "answered"  # with one of these statuses and not by the function; what comes next is served
WAITS = "waits"        # for the rest, with which it is served

TOKEN = b"@TOKEN@"     # another one in each request that is sent
TARGET = b"/function/corpora/whole?" + TOKEN
HOST = b"Host: localhost\r\n"


class Case(NamedTuple):
    sent: bytes
    must: str
    statuses: tuple = (200,)
    body: bytes = b""  # that the function gets
    rest: bytes = b""


def refused(rows, *statuses):
    return {name: Case(sent, REFUSED, statuses or (400,)) for name, sent in rows.items()}


def answered(rows, *statuses):
    return {name: Case(sent, ANSWERED, statuses) for name, sent in rows.items()}


def served(rows, must=SERVED):
    """The rows are what is sent, alone or with the body that the function gets."""
    both = {name: row if isinstance(row, tuple) else (row, b"") for name, row in rows.items()}
    return {name: Case(sent, must, body=body) for name, (sent, body) in both.items()}


def waits(rows):
    """The rows are what is sent, the rest, and the body that the function gets."""
    return {name: Case(sent, WAITS, rest=rest, body=body) for name, (sent, rest, body) in rows.items()}


def head(line, fields=b"", host=HOST):
    return line + b"\r\n" + host + fields + b"\r\n"


def get(fields=b"", method=b"GET", target=TARGET, version=b"HTTP/1.1", host=HOST):
    return head(method + b" " + target + b" " + version, fields, host)


def post(fields, body=b""):
    return get(fields, b"POST") + body


def length(value, body=b"hello"):
    return post(b"Content-Length: " + value + b"\r\n", body)


def coding(value, body=b"0\r\n\r\n", more=b""):
    return post(b"Transfer-Encoding: " + value + b"\r\n" + more, body)


def chunked(body):
    return coding(b"chunked", body)


FIVE = b"Content-Length: 5\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
HELLO = b"5\r\nhello\r\n0\r\n\r\n"
EVIL = b"GET /function/corpora/whole?evil HTTP/1.1\r\nHost: localhost\r\n\r\n"


# ---- h1spec: 33

def begun(sent):
    return sent, get()[len(sent):], b""


LINE = b"GET " + TARGET + b" HTTP/1.1\r\n"
H1SPEC = waits({
    "in the method": begun(b"G"),
    "after the method": begun(b"GET "),
    "in the target": begun(b"GET /function"),
    "after the target": begun(b"GET " + TARGET + b" "),
    "in the version": begun(LINE[:-6]),
    "after the version": begun(LINE[:-2]),
    "in the line's end": begun(LINE[:-1]),
    "after the line": begun(LINE),
    "in a field's name": begun(LINE + b"Hos"),
    "after a colon": begun(LINE + b"Host:"),
    "after a space": begun(LINE + b"Host: "),
    "after a value": begun(LINE + b"Host: localhost"),
    "in a field's end": begun(LINE + b"Host: localhost\r"),
    "after a field": begun(LINE + b"Host: localhost\r\n"),
    "in the head's end": begun(LINE + b"Host: localhost\r\n\r"),
}) | refused({
    "no version": b"GET / \r\n\r\n",
    "brackets in a name": get(b"X-Odd[]: a\r\n"),
    "no host": get(FIVE, host=b""),
    "two hosts": get(b"Host: example.org\r\n"),
    "length below any number": get(b"Content-Length: -123456789012345678901234567\r\n"),
    "length below 0": get(b"Content-Length: -1234\r\n"),
    "length of letters": get(b"Content-Length: abc\r\n"),
    "bell in a value": get(b"X: a\x07\r\n"),
    "words before the method": get(method=b"Extra lineGET"),
    "CR before a name": get(b"\rX: a\r\n"),
    "length and coding": post(b"content-LengtH: 5\r\nTransFer-Encoding: chunked\r\n", b"c\r\nHellO world1\r\n0\r\n\r\n"),
}) | refused({"version 9.9": get(version=b"HTTP/9.9")}, 505) | served({
    "expectation without a body": get(b"Expect: 100-continue\r\n"),
    "plain": get(),
    "tab before a value, empty value": get(b"empty:\r\n", host=b"hoSt:\tlocalhost\r\n"),
    "empty value after a space": get(b"X-Empty: \r\n"),
    "body with a length": (length(b"5"), b"hello"),
    "body in chunks": (chunked(b"c\r\nHellO world1\r\n0\r\n\r\n"), b"HellO world1"),
})


# ---- http-desync-guardian, class Severe: 58

BROWSER = b"User-Agent:  Browser/5.0 (odd; X64)\r\nAccept-Encoding:  gzip, deflate\r\nConnection:  keep-alive\r\nUpgrade-Insecure-Requests:  1\r\n"
CL100, CL1000 = b"Content-Length: 100\r\n", b"Content-Length: 1000\r\n"


def browser(fields):
    return post(BROWSER + fields)


GUARDIAN = refused({
    # severe
    "two lengths": post(CL1000 + CL100),
    "list of lengths": length(b"1000,1000"),
    "lengths with a space": length(b"1000 1000"),
    "length with a point": length(b"1000.1000"),
    "length of 2^64": length(b"18446744073709551616"),
    "coding xchunked": coding(b"xchunked"),
    "control byte after the coding": coding(b"chunked\x11"),
    "control byte after the length": length(b"1000\x11"),
    "chunked in two fields": post(CHUNKED + CHUNKED),
    "chunked twice in a list": coding(b"chunked,chunked"),
    "folded, with a coding behind LF": post(CL1000 + b"X: lines\r\n are \n old: here is a \n Transfer-Encoding: chunked\r\n\r\n"),
    "folded with LF alone": post(CL1000 + b"X: lines\n are \n old: here is a \n Transfer-Encoding: chunked\r\n"),
    "CR in a value before a space": post(CL1000 + b"X: a\r must not have\r these.\r\n"),
    "LF in a value before a space": post(CL1000 + b"X: a\n must not have\n these.\r\n"),
    "CR in a name": post(b"X-Bad\r: 1000\r\n"),
    "LF in a name": post(b"X-Bad\n: Content-Length:1000\r\n Transfer-Encoding: chunked\r\n" + CL100),
    "NUL in a name": post(b"X-Bad\0: 1000\r\n"),
    "CR and a length in a value": post(b"X: a\rcontent-length: 1000\r\n" + CL100),
    "LF and a length in a value": post(b"X: a\n content-length: 1000\r\n" + CL100),
    "NUL and a length in a value": post(b"X: a\0content-length: 1000\r\n" + CL100),
    "NUL begins a line": post(b"\0X: a\r\n" + CL100),
    "NUL begins a value": post(b"X: \0a\r\n" + CL100),
    "NUL ends a value": post(b"X: a\0\r\n" + CL100),
    "length with a space before the colon, and a length": post(b"Content-Length : 100\r\n" + CL1000),
    "length after a space, and a length": post(b" Content-Length: 100\r\n" + CL1000),
    "coding with a space before the colon, and a coding": post(b"Transfer-Encoding : chunked\r\n" + CHUNKED),
    "control byte in the method": get(method=b"bad_method\x01"),
    # bad characters
    "control byte before the coding": coding(b"\x01chunked"),
    "another control byte after the coding": coding(b"chunked\x01"),
    "wide space before the coding": coding(b"\xa0chunked"),
    "wide space after the coding": coding(b"chunked\xa0"),
    "control byte before the length": length(b"\x011000"),
    "another control byte after the length": length(b"1000\x01"),
    "wide space after the length": length(b"1000\xa0"),
    # several faults at once
    "control bytes in a value and in the length": post(b"X: a\x12\r\nContent-Length: 1000\x11\r\n"),
    "control byte in a value, DEL in the coding": post(b"X: a\x11\r\nTransfer-Encoding: chunked\x7f\r\n"),
    "tabs in names, NUL in a value": get(b"X\t: \x11\x12 and then \0 too\r\nTransfer-Encoding\t: chunked\r\n", b"PUT"),
    "coding with a high byte, length with a dollar": post(b"X: \x11a\r\nTransfer-Encoding: chunked\x80\r\nContent-Length: $9000\r\n"),
    "the same, and a tab in the target": get(b"X: \x11a\r\nTransfer-Encoding: chunked\x80\r\nContent-Length: $9000\r\n", b"POST", b"/foo\t/baz"),
    # as they were met
    "browser: chunked twice, and a length": browser(b"Transfer-Encoding:  chunked\r\n" * 2 + b"Content-Length:  4\r\n"),
    "browser: NUL in a list": browser(b"X-Accept-Encoding:  gzip, \0deflate\r\n" + CHUNKED + b"Content-Length:  4\r\n"),
    "browser: length, then NUL before the coding's name": browser(b"Content-Length:  4\r\n\0Transfer-Encoding:  chunked\r\n"),
    "browser: coding behind CR in a value": browser(b"Content-Length:  4\r\nX-test:  x\rTransfer-Encoding: chunked\r\n"),
    "browser: CR before the coding's name": browser(b"\rTransfer-Encoding:  chunked\r\nContent-Length:  4\r\n"),
    "browser: the same without a length": browser(b"\rTransfer-Encoding:  chunked\r\n"),
    "browser: CR before one of two lengths": browser(b"\rContent-Length:  1000\r\nContent-Length:  100\r\n"),
    "browser: coding chunk": browser(b"Transfer-Encoding:  chunk\r\nContent-Length:  4\r\n"),
    "browser: coding xchunked": browser(b"Transfer-Encoding:  xchunked\r\nContent-Length:  4\r\n"),
    "browser: chunked,chunked": browser(b"Transfer-Encoding:  chunked,chunked\r\nContent-Length:  4\r\n"),
    "browser: chunked and a second coding": browser(CHUNKED + b"Transfer-Encoding:  cow\r\nContent-Length:  6\r\n"),
    "browser: NUL before the coding's name, longer body": browser(b"Content-Length:  6\r\n\0Transfer-Encoding:  chunked\r\n"),
    "browser: NUL before the coding": browser(b"Transfer-Encoding:  \0chunked\r\nContent-Length:  6\r\n"),
    # targets
    "two versions": get(version=b"HTTP/1.1 HTTP/1.1"),
    "CR in the target": get(target=b"/a\rHTTP/1.1"),
    "LF in the target": get(target=b"/a\nHTTP/1.1"),
    "a request in the target": get(target=b"/a\tHTTP/1.1\r\nHost:localhost\r\n\r\nGET\t/b\t"),
    "NUL in the target": get(target=b"/a\0HTTP/1.1"),
    "NUL begins the target": get(target=b"\0/aHTTP/1.1"),
})


# ---- llhttp, what its strict parser must refuse: 51, and 5 that only it refuses

UPGRADE = b"Connection: upgrade\r\nUpgrade: ws\r\n"
LLHTTP = refused({
    "CR for a dash in a value": get(b"Connection: keep\ralive\r\n", b"PUT"),
    "connection with a space before the colon": get(b"Connection : upgrade\r\nContent-Length: 4\r\nUpgrade: ws\r\n", b"PUT"),
    "length overflows": length(b"1000000000000000000000"),
    "two lengths": post(b"Content-Length: 1\r\nContent-Length: 2\r\n"),
    "length and identity": post(b"Content-Length: 1\r\nTransfer-Encoding: identity\r\n", b"x"),
    "length with a space before the colon": post(UPGRADE + b"Content-Length : 4\r\n", b"abcdefgh"),
    "length 4 2": length(b"4 2"),
    "length 13 37": length(b"13 37"),
    "length empty": post(b"Content-Length:\r\n"),
    "CR for a dash in a name": post(b"Content\rLength: 003\r\n", b"abc"),
    "CR for the empty line": LINE + HOST + b"Content-Length: 3\r\n\rabc",
    "ICE of another method": get(version=b"ICE/1.0"),
    "IHTTP": get(version=b"IHTTP/1.0"),
    "RTSP of another method": get(method=b"PUT", version=b"RTSP/1.0"),
    "fields separated by CR": get(b"Foo: 1\rBar: 2\r\n"),
    "fields separated by LF": post(b"x:x\n" + CHUNKED, b"1\r\nA\r\n0\r\n\r\n"),
    "CR and a byte for the empty line": LINE + b"Connection: close\r\nHost: localhost\r\n\rZGET /evil: HTTP/1.1\r\nHost: a\r\n\r\n",
    "empty field ends in CR": post(b"Connection: Close\r\nx:\r" + CHUNKED, b"1\r\nA\r\n0\r\n\r\n"),
    "empty field ends in LF": post(b"x:\n" + CHUNKED, b"1\r\nA\r\n0\r\n\r\n"),
    "at sign in a name": get(b"Fo@: a\r\n"),
    "control byte in a name": get(b"Foo\x01\\test: a\r\n"),
    "no name": get(b": a\r\n"),
    "name goes on in the next line": get(b"name\r\n : value\r\n"),
    "corrupted connection": get(b"Connection\r\x1b\x35\xd5eep-Alive\r\nAccept-Encoding: gzip\r\n"),
    "corrupted name": get(b"X-Some\r\x1b\x35\xd5eep-Alive\r\nAccept-Encoding: gzip\r\n"),
    "LF hides a length": get(b"Dummy: x\nContent-Length: 23\r\n") + EVIL,
    "space before the first field": LINE + b" Host: localhost\r\n\r\n",
    "only LF": b"POST / HTTP/1.1\nHost: localhost\nTransfer-Encoding: chunked\nTrailer: Baz\n\n1\nA\n1;abc\nB\n0\n\nBaz: ghi\n\n",
    "space before a later field": get(b"Foo: bar\r\n Content-Length: 38\r\n", b"POST") + EVIL,
    "form feed in a value": get(b"X: hello\fworld\r\n"),
    "form feed for a value": get(b"X: \f\r\n"),
    "PRI": b"PRI * HTTP/1.1\r\n" + HOST + b"\r\nSM\r\n\r\n",
    "folded with LF": LINE.replace(b"\r", b"") + b"Host: localhost\nX:   abc\n\tdef\n ghi\nConnection:\n close\n\n",
    "no LF after the request line": LINE[:-1] + b"Line: 1\r\n\r\n",
    "no semicolon before an extension": chunked(b"2 odd\r\naa\r\n0 odd\r\n\r\n"),
    "no extension after a semicolon": chunked(b"2;\r\naa\r\n0\r\n\r\n"),
    "quote that does not end": chunked(b'5;a="abc";b="def; ghi\r\nhello\r\n6;c;d\r\n world\r\n0\r\n\r\n'),
    "identity and length": coding(b"identity", b"World", FIVE),
    "length and three empty codings": post(b"Content-Length: 10\r\n" + b"Transfer-Encoding:\r\n" * 3, b"2\r\nAA\r\n0"),
    "chunked before another coding": coding(b"chunked, deflate", b"World"),
    "chunked, then another coding's field": coding(b"chunked", b"World", b"Transfer-Encoding: deflate\r\n"),
    "chunkedchunked": coding(b"chunkedchunked", HELLO),
    "no last chunk": chunked(b"3\r\nfoo\r\n\r\n"),
    "LF after a size": chunked(b"3 \n  \r\n\\foo\r\n\r\n"),
    "CR after a size": chunked(b"5\r\r;ABCD\r\n34\r\nE\r\n0\r\n\r\n") + EVIL,
    "no end of a chunk": chunked(b"5\r\nABCDE0\r\n\r\n"),
    "space after a size": chunked(b"a \r\n0123456789\r\n0\r\n\r\n"),
    "high bytes in the target": get(target=b"/\xce\xb4\xc2\xb6?q=1#narf"),
    "space in the target": get(target=b"/foo bar/"),
}) | refused({"coding pigeons": coding(b"pigeons")}, 501) | refused({"version 5.6": get(version=b"HTTP/5.6")}, 505) | served({
    "rtsp's method ANNOUNCE": get(method=b"ANNOUNCE"),
    "unheard method": get(method=b"MKCOLA"),
}) | served({
    "more after a request of HTTP/1.0": get(version=b"HTTP/1.0"),
    "more after close": (post(b"Content-Length: 4\r\nConnection: close\r\n", b"q=42\r\n"), b"q=42"),
    "more after close and a tab": (post(b"Content-Length: 4\r\nConnection: close\t\r\n", b"q=42\r\n"), b"q=42"),
}, LAST)

# ---- the HTTP Garden: what servers and proxies were found to take for something else: 31

GARDEN = refused({
    "size 0_2e": chunked(b"0_2e\r\n\r\n") + EVIL,
    "NUL and CR in a value": get(b"X: v\0\ralue\r\n"),
    "length after a tab": LINE + b"\tContent-Length: 1\r\n" + HOST + b"\r\nX",
    "version 1.32": get(version=b"HTTP/1.32"),
    "method with quotes": get(method=b'G=":<>(e),[T];?"'),
    "target of one sign": get(target=b"!"),
    "high byte begins a name": get(b"\xeffoo: bar\r\n"),
    "LF before the version": get(target=b"/\nHTTP/1.1"),
    "length +1_0": length(b"+1_0", b"0123456789"),
    "wide spaces around chunked": coding(b"\xa0chunked\xa0"),
    "bytes that no name has": get(b' "(),/;<=>?@[/]{}: a\r\n'),
    "CRs in the version": get(version=b"HTTP/\r\r1.1"),
    "no size": chunked(b"\r\n\r\n"),
    "a colon alone": get(b":\r\nI: am behind it\r\n"),
    "LFs before a request in a value": get(b"Useless:\n\nGET / HTTP/1.1\r\n"),
    "0x85 after length": post(b"Content-Length\x85: 10\r\n", b"0123456789"),
    "comma before chunked": coding(b",chunked", b"0\r\n\r\n", FIVE),
    "version 4294967295.255": get(version=b"HTTP/4294967295.255"),
    "no colon after length": post(b"Content-Length 10\r\n", b"0123456789"),
    "length 1Z": length(b"1Z", b"Z"),
    "length 010": length(b"010", b"01234567"),
    "CRs in an extension": chunked(b"41;a=b\r\r" + b"X" * 65 + b"\r\n0\r\n\r\n") + EVIL,
    "name over two lines": post(b"Transfer-\r\nEncoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n"),
    "a field for the end of chunks": chunked(b"0\r\nX:POST / HTTP/1.1\r\n\rX"),
    "NUL for a method": get(method=b"\0", version=b"HTTP/............0596.7407."),
    "high bytes around host": get(host=b"Host: \xffa\xff\r\n"),
    "no chunk at all": chunked(b"INVALID!!!\r\n") + EVIL,
    "size with words behind": chunked(b"1these-bytes\r\nZ\r\n0\r\n\r\n"),
    "size -0x0": chunked(b"-0x0\r\n\r\n"),
}) | served({
    "high spaces in a value stay": get(b"User: \x85admin\xa0\r\n"),
    "a request as a chunk": (chunked(b"%x\r\n" % len(EVIL) + EVIL + b"\r\n0\r\n\r\n"), EVIL),
})

# ---- RFC 9112 and 9110, sentence by sentence

def field(value, name=b"X"):
    return get(name + b": " + value + b"\r\n")


RFC = refused({
    # 9112 2.2, 3
    "2.2: space line after the request line": LINE + b" \r\n" + HOST + b"\r\n",
    "2.2: CR CR LF": get(b"X: a\r\r\n"),
    "2.3: version of three parts": get(version=b"HTTP/1.1.1"),
    "2.3: version with a sign": get(version=b"HTTP/+1.1"),
    "3: no space after the method": b"GET/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "3: more than a request line may have, and no space": get(method=b"M" * 9000),
    "3.1: colon in the method": get(method=b"GE:T"),
    "3.2.2: no host in the target": get(target=b"http:///a"),
    "3.2.2: user in the target": get(target=b"http://u@localhost/"),
    "3.2.2: port of the target too large": get(target=b"http://localhost:65536/"),
    "3.2.2: the target's host is another": get(target=b"http://other" + TARGET),
    "3.2.3: authority of a GET": get(target=b"localhost:80"),
    "3.2.4: star of a POST": get(method=b"POST", target=b"*"),
    "3.2: mailto": get(target=b"mailto:a@localhost"),
    **{f"3.2: host {bad!r}": get(host=b"Host: " + bad + b"\r\n") for bad in
       (b"", b"a b", b"a,b", b"a/b", b"a?b", b"a#b", b"u@a", b"a:b", b"a:1:2", b"a:99999", b"a:-1", b"a..b", b".a", b"[::1", b"::1", b"[::g]", b"[]",
        b"a\\b", b"a\x7f", b"<a>", b"a%", b"http://a", b"a" * 256)},
    # 9112 5, 6
    "5.1: tab before the colon": get(b"X\t: a\r\n"),
    "5.2: the last field is folded": get(b"X: a\r\n\tb\r\n"),
    "6.1: chunked in HTTP/1.0": get(CHUNKED, b"POST", version=b"HTTP/1.0") + HELLO,
    "6.1: a parameter of chunked": coding(b"chunked;q=1", HELLO),
    "6.1: chunked in quotes": coding(b'"chunked"', HELLO),
    "6.1: gzip, chunked": coding(b"gzip, chunked", HELLO),
    "6.3: length after the coding": coding(b"chunked", HELLO, FIVE),
    "6.3: the same length twice": post(FIVE + FIVE, b"hello"),
    "6.3: length of 2^63": length(b"9223372036854775808"),
    "6.3: length with a plus": length(b"+5"),
    "6.3: full-width digit": length("\uff15".encode()),
    # 9112 7
    "7.1: size of 2^64": chunked(b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    "7.1: more data than its size": chunked(b"4\r\nhello\r\n0\r\n\r\n"),
    "7.1: less data than its size": chunked(b"6\r\nhello\r\n0\r\n\r\n"),
    "7.1: an empty line between chunks": chunked(b"5\r\nhello\r\n\r\n0\r\n\r\n"),
    "7.1.1: no value after =": chunked(b"5;a=\r\nhello\r\n0\r\n\r\n"),
    "7.1.2: trailer without a colon": chunked(b"0\r\nX\r\n\r\n"),
    "7.1.2: folded trailer": chunked(b"0\r\nX: a\r\n b\r\n\r\n"),
    "7.1.2: NUL in a trailer": chunked(b"0\r\nX: \0\r\n\r\n"),
    # 9110 5.5
    **{f"9110 5.5: byte {code} in a value": field(b"a%cb" % code) for code in (0, 1, 8, 10, 11, 12, 13, 27, 31, 127)},
    **{f"9110 5.6.2: {sign!r} in a name": field(b"a", b"X%cY" % sign) for sign in b'"(),/;<=>?@[\\]{} \t\x00\x7f\x80\xff'},
}) | refused({
    "2.3: version 0.9": get(version=b"HTTP/0.9"),
    "2.3: version 2.0": get(version=b"HTTP/2.0"),
    "2.3: version 3.0": get(version=b"HTTP/3.0"),
}, 505) | refused({
    "3: method longer than any": get(method=b"M" * 33),
    "6.1: gzip": coding(b"gzip"),
    "6.1: a coding that is not known": coding(b"rot13"),
    "9110 9.3.6: CONNECT": get(method=b"CONNECT", target=b"localhost:80"),
}, 501) | refused({"3: target longer than any": get(target=b"/" + b"a" * 9000)}, 414) | refused({
    "9110 10.1.1: two expectations": post(FIVE + b"Expect: 100-continue, later\r\n", b"hello"),
}, 417) | refused({
    "5: more fields than a head has": get(b"X: a\r\n" * 100),
    "5: longer head than any": get(b"X: " + b"a" * 17000 + b"\r\n"),
    "7.1.2: longer trailers than any": chunked(b"0\r\nX: " + b"a" * 17000 + b"\r\n\r\n"),
}, 431) | served({
    "2.2: an empty line before": b"\r\n" + get(),
    "2.3: version 1.9": get(version=b"HTTP/1.9"),
    "3.1: method in small letters": get(method=b"get"),
    "3.1: method with all signs": get(method=b"!#$%&'*+-.^_`|~"),
    "3.2.2: absolute": get(target=b"http://LOCALHOST" + TARGET),
    "3.2: address for a host": get(host=b"Host: [::1]:80\r\n"),
    "5.1: no space after the colon": get(b"X:a\r\n", host=b"Host:localhost\r\n"),
    "5.1: spaces and tabs around a value": get(b"X: \t a b \t \r\n"),
    "6.1: CHUNKED": (coding(b"CHUNKED", HELLO), b"hello"),
    "6.1: spaces around chunked": (coding(b" \tchunked\t ", HELLO), b"hello"),
    "6.3: no body is announced": get(method=b"POST"),
    "6.3: length 0": length(b"0", b""),
    "6.3: a request for a body": (length(b"%d" % len(EVIL), EVIL), EVIL),
    "7.1: a request of chunks": (chunked(b"".join(b"1\r\n%c\r\n" % byte for byte in EVIL) + b"0\r\n\r\n"), EVIL),
    "7.1: the end of chunks in a chunk": (chunked(b"7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n"), b"\r\n0\r\n\r\n"),
    "7.1: zeros and capitals": (chunked(b"00000000000000A\r\n0123456789\r\n000\r\n\r\n"), b"0123456789"),
    "7.1.1: extensions": (chunked(b'5 ; a ; b = c;d="e;\\"\t"\r\nhello\r\n0;last\r\n\r\n'), b"hello"),
    "7.1.2: trailers": (chunked(HELLO[:-2] + b"X-Sum: 1\r\nY:\r\n\r\n"), b"hello"),
    "9110 5.5: high bytes in a value": field(b"\xc3\xa4\x80\xff"),
    "9110 7.6.1: Connection names the length": (post(FIVE + b"Connection: Content-Length\r\n", b"hello"), b"hello"),
    "9110 7.6.1: Connection names the coding": (coding(b"chunked", HELLO, b"Connection: Transfer-Encoding, Host\r\n"), b"hello"),
    "9110 9.3.1: body of a GET": (get(FIVE) + b"hello", b"hello"),
    "9110 9.3.5: body of a DELETE": (get(FIVE, b"DELETE") + b"hello", b"hello"),
    "9110 10.1.1: expectation with its body": (post(FIVE + b"Expect: 100-continue\r\n", b"hello"), b"hello"),
    "9.3: keep-alive in HTTP/1.0": get(b"Connection: Keep-Alive\r\n", version=b"HTTP/1.0"),
}) | served({
    "9.6: close": get(b"Connection: close\r\n"),
    "9.6: close among others, twice": get(b"Connection: x, Close\r\nConnection: keep-alive\r\n"),
    "9.3: HTTP/1.0": get(version=b"HTTP/1.0", host=b""),
    "9110 10.1.1: expectation of HTTP/1.0": (get(b"Expect: 100-continue\r\n" + FIVE, b"POST", version=b"HTTP/1.0") + b"hello", b"hello"),
}, LAST) | waits({
    "6.3: half a body": (length(b"10", b"hello"), b"world", b"helloworld"),
    "7.1: no last chunk yet": (chunked(b"5\r\nhello\r\n"), b"0\r\n\r\n", b"hello"),
    "7.1: half a size": (chunked(b"1"), b"0\r\n0123456789abcdef\r\n0\r\n\r\n", b"0123456789abcdef"),
    "2.2: half an empty line before": (b"\r", b"\n" + get(), b""),
}) | answered({"3.2.4: star of OPTIONS": head(b"OPTIONS * HTTP/1.1")}, 204) | answered({
    "9110 15.5.6: a route's other method": get(method=b"DELETE", target=b"/corpora/read"),
}, 405)
