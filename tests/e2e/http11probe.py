# SPDX-License-Identifier: Apache-2.0
"""What Http11Probe asks of a server, as a table of our own: all of its cases but nine of conditional requests, which are a function's business.

Where it takes an answer for good as well as a refusal, the row says which of them ours is.
"""
import random

from http_corpora import (CHUNKED, EVIL, FIVE, HELLO, HOST, LAST, LINE, TARGET, TOKEN, answered, chunked, coding, get, length, post, refused, served,
                          waits)

WEBSOCKET = b"Upgrade: websocket\r\nSec-WebSocket-Key: bm90IGEgcmVhbCBrZXkuLg==\r\nSec-WebSocket-Version: %d\r\n"
NEEDLESS = random.Random(9112).randbytes(256)


def cookie(value):
    return get(b"Cookie: " + value + b"\r\n")


def trailer(field):
    return chunked(HELLO[:-2] + field + b"\r\n\r\n"), b"hello"


def with_evil(fields, end=b"0\r\n\r\n"):
    """A body that ends early for one reader, and for another only after a whole request."""
    body = end + EVIL
    return post(fields.replace(b"@", b"%d" % len(body)), body)


# ---- compliance: 76

COMPLIANCE = served({
    "baseline": get(),
    "absolute form": get(target=b"http://localhost" + TARGET),
    "get in small letters": get(method=b"get"),
    "body with a length": (length(b"5"), b"hello"),
    "length 0": length(b"0", b""),
    "POST without a body": get(method=b"POST"),
    "one chunk": (chunked(HELLO), b"hello"),
    "two chunks": (chunked(b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), b"hello world"),
    "only the last chunk": chunked(b"0\r\n\r\n"),
    "extension of a chunk": (chunked(b"5;ext=value\r\nhello\r\n0\r\n\r\n"), b"hello"),
    "trailer": trailer(b"X-Checksum: abc"),
    "size in capitals": (chunked(b"A\r\nhelloworld\r\n0\r\n\r\n"), b"helloworld"),
    "body of a GET": (get(FIVE) + b"hello", b"hello"),
    "upgrade of a POST": post(b"Connection: Upgrade\r\n" + WEBSOCKET % 13),
    "upgrade without Connection": get(WEBSOCKET % 13),
    "upgrade to nothing known": get(b"Connection: Upgrade\r\nUpgrade: totally-made-up/1.0\r\n"),
    "upgrade of a version that is none": get(b"Connection: Upgrade\r\n" + WEBSOCKET % 99),
    "version 1.2": get(version=b"HTTP/1.2"),
    "range of a POST": (post(FIVE + b"Range: bytes=0-10\r\n", b"hello"), b"hello"),
    "range of letters": get(b"Range: bytes=abc-xyz\r\n"),
    "HEAD": get(method=b"HEAD"),
    "unknown method": get(method=b"FOOBAR"),
    "DELETE is the function's": get(method=b"DELETE"),
    "date": get(b"X-Asks: date\r\n"),
    "date's format": get(b"X-Asks: its format\r\n"),
    "OPTIONS has its length unless 204": get(method=b"OPTIONS"),
    "content type": get(b"X-Asks: type\r\n"),
    "line of 8000": get(target=TARGET + b"a" * 7900),
    "two content types": (post(FIVE + b"Content-Type: text/plain\r\nContent-Type: text/html\r\n", b"hello"), b"hello"),
    "content type that is none": (post(FIVE + b"Content-Type: application/x-nonsense\r\n", b"hello"), b"hello"),
    "accept what is none": get(b"Accept: application/x-nonsense\r\n"),
}) | served({
    "close": get(b"Connection: close\r\n"),
    "HTTP/1.0 closes": get(version=b"HTTP/1.0"),
    "HTTP/1.0 without a host": get(version=b"HTTP/1.0", host=b""),
    "upgrade in HTTP/1.0": get(b"Connection: Upgrade\r\n" + WEBSOCKET % 13, version=b"HTTP/1.0"),
    "no interim answer in HTTP/1.0": (get(b"Expect: 100-continue\r\n" + FIVE, b"POST", version=b"HTTP/1.0") + b"hello", b"hello"),
}, LAST) | waits({
    "less than its length": (length(b"10"), b"world", b"helloworld"),
    "no last chunk": (chunked(b"5\r\nhello\r\n"), b"0\r\n\r\n", b"hello"),
}) | answered({
    "star of OPTIONS has Allow": get(method=b"OPTIONS", target=b"*"),
}, 204) | refused({
    "LF after the request line": LINE.replace(b"\r", b"") + HOST + b"\r\n",
    "LF after a field": get(host=b"Host: localhost\nX: a\r\n"),
    "folded": get(b"X: a\r\n b\r\n"),
    "space before the colon": get(b"X : a\r\n"),
    "two spaces": get(method=b"GET "),
    "no host": get(host=b""),
    "empty name": get(b": empty-name\r\n"),
    "CR for a line's end": LINE[:-1] + HOST + b"\r\n",
    "no target": b"GET HTTP/1.1\r\n" + HOST + b"\r\n",
    "fragment": get(target=b"/path#frag"),
    "HTTP/0.9": b"GET /\r\n",
    "bracket in a name": get(b"Bad[Name: a\r\n"),
    "no colon": get(b"NoColonHere\r\n"),
    "another host": get(b"Host: other.example.com\r\n"),
    "length of letters": length(b"abc", b""),
    "length with a plus": length(b"+5"),
    "space line before the fields": LINE + b" \r\n" + HOST + b"\r\n",
    "the same host": get(HOST),
    "user in host": get(host=b"Host: user@localhost\r\n"),
    "path in host": get(host=b"Host: localhost/path\r\n"),
    "star of GET": get(target=b"*"),
    "two empty lines before": b"\r\n\r\n" + get(),
    "host is empty": get(host=b"Host: \r\n"),
    "tab after the method": LINE.replace(b"GET ", b"GET\t") + HOST + b"\r\n",
    "no minor version": get(version=b"HTTP/1"),
    "zeros in the version": get(version=b"HTTP/01.01"),
    "space in the version": get(version=b"HTTP/ 1.1"),
    "version in small letters": get(version=b"http/1.1"),
    "space in the target": get(target=b"/pa th"),
}) | refused({"version 9.9": get(version=b"HTTP/9.9")}, 505) | refused({
    "unknown coding": coding(b"gzip", b""),
    "CONNECT": get(method=b"CONNECT", target=b"example.com:443", host=b"Host: example.com:443\r\n"),
    "TRACE": get(method=b"TRACE"),
    "TRACE with a body": get(FIVE, b"TRACE") + b"hello",
    "TRACE with a secret": get(b"Authorization: Bearer secret\r\n", b"TRACE"),
}, 501) | refused({"unknown expectation": get(b"Expect: 200-ok\r\n")}, 417) | answered({
    "405 has Allow": get(method=b"DELETE", target=b"/corpora/read"),
}, 405)

# ---- smuggling: 87

SMUGGLING = refused({
    "length and coding": coding(b"chunked", b"D\r\nhello-bananas\r\n0\r\n\r\n", b"Content-Length: 23\r\n"),
    "two lengths": post(FIVE + b"Content-Length: 10\r\n", b"helloworld"),
    **{f"length {value!r}": length(value) for value in
       (b"005", b"-1", b"5, 10", b"0o5", b"0x5", b"1 0", b"1_0", b"-0", b"00", b"0200", b"5, 5", b"5, 5, 5")},
    **{f"coding {value!r}, and a length": coding(value, b"hello", FIVE) for value in
       (b"xchunked", b"chunked ", b"chunked, chunked", b"Chunked", b"", b", chunked", b"\vchunked", b"\fchunked", b"chunked\0", b"identity",
        b"chunked;ext=val", b"chunked,", b"\tchunked")},
    "coding with a space before the colon": post(b"Transfer-Encoding : chunked\r\n" + FIVE, b"hello"),
    "length 4, the coding ends at 5": coding(b"chunked", b"0\r\n\r\n", b"Content-Length: 4\r\n"),
    "length 30, the coding ends at 5": coding(b"chunked", b"0\r\n\r\n", b"Content-Length: 30\r\n"),
    "chunked is not the last": coding(b"chunked, gzip"),
    "coding in HTTP/1.0": get(CHUNKED + FIVE, b"POST", version=b"HTTP/1.0") + b"hello",
    "CR in a value": post(FIVE + b"X: val\rue\r\n", b"hello"),
    "two codings": post(CHUNKED + b"Transfer-Encoding: identity\r\n" + FIVE, b"hello"),
    **{f"chunks {body!r}": chunked(body) for body in (
        b"5;\r\nhello\r\n0\r\n\r\n", b"5;bad[=x\r\nhello\r\n0\r\n\r\n", b"1_0\r\nhello world!!!!!\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n",
        b"+5\r\nhello\r\n0\r\n\r\n", b"5 \r\nhello\r\n0\r\n\r\n", b" 5\r\nhello\r\n0\r\n\r\n", b"5\r\nhello0\r\n\r\n", b"5;\nhello\r\n0\r\n\r\n",
        b"5\r\nhello!!\r\n0\r\n\r\n", b"5\r\nhello\n0\r\n\r\n", b"5;\0ext\r\nhello\r\n0\r\n\r\n", b"5;a\rX\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\n\n", b"-1\r\nhello\r\n0\r\n\r\n", b"5\rhello\r\n0\r\n\r\n", b"+0\r\n\r\nX")},
    "coding with an underscore": post(b"Transfer_Encoding: chunked\r\n" + FIVE, b"hello"),
    "folded coding": post(b"Transfer-Encoding:\r\n chunked\r\n" + FIVE, b"hello"),
    "folded coding of OPTIONS": get(b"Transfer-Encoding:\r\n chunked\r\n" + FIVE, b"OPTIONS") + b"hello",
    "the target's host is another": get(target=b"http://other.example.com/"),
    "list of hosts": get(host=b"Host: localhost, other.example.com\r\n"),
    "length, coding, then a request": post(FIVE + CHUNKED, b"0\r\n\r\n"),
    "coding, length, then a request": post(CHUNKED + FIVE, b"0\r\n\r\n"),
    "a byte more than the coding": post(b"Content-Length: 6\r\n" + CHUNKED, b"0\r\n\r\nX"),
    "a byte more, less than the length": post(CHUNKED + b"Content-Length: 30\r\n", b"0\r\n\r\nX"),
    "evil behind the coding": with_evil(b"Content-Length: @\r\n" + CHUNKED),
    "evil behind the coding, length with a plus": with_evil(b"Content-Length: +@\r\n" + CHUNKED),
    "evil behind the coding, length with a letter": with_evil(b"Content-Length: @x\r\n" + CHUNKED),
    "evil behind a folded coding": with_evil(b"Transfer-Encoding:\r\n chunked\r\nContent-Length: @\r\n"),
    "evil HEAD behind the coding": with_evil(b"Content-Length: @\r\n" + CHUNKED).replace(b"GET", b"HEAD"),
    "evil behind a coding with a space": with_evil(b"Content-Length: @\r\nTransfer-Encoding: chunked \r\n"),
    "evil behind a coding with a comma": with_evil(b"Content-Length: @\r\nTransfer-Encoding: , chunked\r\n"),
    "evil behind a coding in capitals": with_evil(b"Content-Length: @\r\nTransfer-Encoding: Chunked\r\n"),
    "evil behind two codings": with_evil(CHUNKED + b"Transfer-Encoding: identity\r\nContent-Length: @\r\n"),
    "evil in a chunk, behind the length": post(CHUNKED + b"Content-Length: 4\r\n", b"%x\r\n" % len(EVIL) + EVIL + b"\r\n0\r\n\r\n"),
    "evil behind the first of two lengths": with_evil(b"Content-Length: 4\r\nContent-Length: @\r\n", b"PING"),
}) | served({
    "length and a space": (length(b"5 "), b"hello"),
    "two spaces and a length": (length(b" 5"), b"hello"),
    "expectation": (post(FIVE + b"Expect: 100-continue\r\n", b"hello"), b"hello"),
    "expectation, then a request": (post(b"Expect: 100-continue\r\n" + FIVE, b"hello"), b"hello"),
    "trailer of a length": trailer(b"Content-Length: 50"),
    "trailer of a coding": trailer(b"Transfer-Encoding: chunked"),
    "trailer of a host": trailer(b"Host: evil.example.com"),
    "trailer of a secret": trailer(b"Authorization: Bearer evil"),
    "trailer of a type": trailer(b"Content-Type: text/evil"),
    "body of a HEAD": (get(FIVE, b"HEAD") + b"hello", b""),
    "body of an OPTIONS": (get(FIVE, b"OPTIONS") + b"hello", b"hello"),
    "body of an OPTIONS, then a request": (get(b"X: a\r\n" + FIVE, b"OPTIONS") + b"hello", b"hello"),
    "body of a GET, then a request": (get(b"X: a\r\n" + FIVE) + b"hello", b"hello"),
    "half a request as the body of a GET": (get(b"Content-Length: %d\r\n" % len(EVIL[:-2])) + EVIL, EVIL[:-2]),
    "a byte after length 0": length(b"0", b"X"),
    "one after the other": get() + get(),
})

# ---- malformed input: 26

MALFORMED = refused({
    "256 bytes of nothing": NEEDLESS,
    "method of 100,000": get(method=b"A" * 100_000),
    "NUL in the target": get(target=b"/\0test"),
    "control bytes in a value": get(b"X: abc\x07\x08\x0bdef\r\n"),
    "high byte in a name": get("X-Tëst: a\r\n".encode()),
    "high byte in the target": get(target="/café".encode()),
    "length of 20 digits": length(b"9" * 20, b""),
    "spaces for a line": b"   \r\n\r\n",
    "NUL in a value": get(b"X: val\0ue\r\n"),
    "size of 2^64": chunked(b"FFFFFFFFFFFFFFFF0\r\nhello\r\n0\r\n\r\n"),
    "no length after its colon": length(b"", b""),
    "overlong slash": get(target=b"/\xc0\xaf"),
    "extension of 64 KiB": chunked(b"5;ext=" + b"a" * 65536 + b"\r\nhello\r\n0\r\n\r\n"),
}) | refused({"preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}, 505) | refused({
    "target of 100,000": get(target=b"/" + b"A" * 100_000),
}, 414) | refused({
    "value of 100,000": get(b"X: " + b"B" * 100_000 + b"\r\n"),
    "name of 100,000": get(b"A" * 100_000 + b": a\r\n"),
    "10,000 fields": get(b"".join(b"X-H-%d: a\r\n" % number for number in range(10_000))),
}, 431) | waits({
    "half a field": (LINE + HOST + b"X: a", b"\r\n\r\n", b""),
    "nothing": (b"", get(), b""),
    "length of 999,999,999": (length(b"999999999", b""), None, b""),
}) | served({
    "tab before the length": (post(b"Content-Length:\t5\r\n", b"hello"), b"hello"),
    "backslash in the target": get(target=b"/function/corpora/whole\\file?" + TOKEN),
    "CRLF in percents": get(target=b"/function/corpora/whole%0d%0aX-Evil:%20true?" + TOKEN),
    "ranges that overlap": get(b"Range: bytes=" + b"0-," * 500 + b"0-\r\n"),
}) | answered({"NUL in percents": get(target=b"/path%00.html")}, 400)

# ---- normalization: 5, cookies: 12

NORMALIZATION = refused({
    "length with an underscore": post(b"Content-Length: 11\r\nContent_Length: 99\r\n", b"hello world"),
    "length with a space before the colon": post(b"Content-Length: 11\r\nContent-Length : 5\r\n", b"hello world"),
    "length with a tab": post(b"Content-Length: 11\r\nContent\tLength: 99\r\n", b"hello world"),
    "length, and a coding in capitals": post(b"Content-Length: 11\r\nTRANSFER-ENCODING: chunked\r\n", b"hello world"),
    "length, and a coding with an underscore": post(b"Content-Length: 11\r\nTransfer_Encoding: chunked\r\n", b"hello world"),
})
COOKIES = refused({
    "cookie with NUL": cookie(b"foo=\0bar"),
    "cookie with control bytes": cookie(b"foo=\1\2\3"),
}) | refused({"cookie of 64 KiB": cookie(b"big=" + b"A" * 65536)}, 431) | served({
    "cookie": cookie(b"foo=bar"),
    "cookie without anything": cookie(b""),
    "1000 pairs": cookie(b"; ".join(b"k%d=v%d" % (n, n) for n in range(1000))),
    "signs for a cookie": cookie(b"===;;;"),
    "two fields of cookies": get(b"Cookie: a=1\r\nCookie: b=2\r\n"),
    "a cookie to take apart": cookie(b"foo=bar; "),
    "three cookies": cookie(b"a=1; b=2; c=3"),
    "cookie without a value": cookie(b"foo="),
    "cookies with spaces and signs": cookie(b"a=hello world; b=x=y"),
})
