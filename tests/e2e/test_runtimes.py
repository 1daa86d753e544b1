# SPDX-License-Identifier: Apache-2.0
"""What every runtime does (docs/protocol.md, "Writing a runtime"), the same claims for each language."""
import concurrent.futures
import os

import pytest

from runtime_worker import SPECIALIZE

# For each language: a handler, a script, and so on, that say the same.
ECHO = {
    "python": {"main.py": 'import json\n\ndef handler(event):\n    print("seen", event["path"])\n    return event\n'},
    "node": {"main.js": 'export function handler(event) {\n  console.log("seen", event.path);\n  return event;\n}\n'},
    "ruby": {"main.rb": 'def handler(event)\n  puts "seen #{event["path"]}"\n  event\nend\n'},
    "perl": {"main.pl": 'sub handler {\n  my ($event) = @_;\n  print "seen $event->{path}\\n";\n  return $event;\n}\n1;\n'},
    "php": {"main.php": '<?php\nfunction handler($event) {\n  echo "seen {$event["path"]}\\n";\n  return $event;\n}\n'},
}
TEXT = {
    "python": {"main.py": 'def handle(event):\n    return "grüße " + (event["body"] or "")\n'},
    "node": {"main.js": 'exports.handle = async (event) => "grüße " + (event.body || "");\n'},
    "ruby": {"main.rb": 'def handle(event)\n  "grüße #{event["body"]}"\nend\n'},
    "perl": {"main.pl": 'use utf8;\nsub handle { return "grüße " . ($_[0]{body} // "") }\n'},
    "php": {"main.php": '<?php\nfunction handle($event) { return "grüße " . $event["body"]; }\n'},
}
ANSWER = {
    "python": {"main.py": 'def handler(event):\n    return {"status": 201, "headers": {"X-Made": "yes"}, "body": {"a": 1}}\n'},
    "node": {"main.js": 'exports.handler = () => ({ status: 201, headers: { "X-Made": "yes" }, body: { a: 1 } });\n'},
    "ruby": {"main.rb": 'def handler(event)\n  { status: 201, headers: { "X-Made" => "yes" }, body: { a: 1 } }\nend\n'},
    "perl": {"main.pl": 'sub handler { return { status => 201, headers => { "X-Made" => "yes" }, body => { a => 1 } } }\n'},
    "php": {"main.php": '<?php\nfunction handler($event) { return ["status" => 201, "headers" => ["X-Made" => "yes"], "body" => ["a" => 1]]; }\n'},
}
# Headers that some servers take for a status of their own.
QUEUED = {
    "python": {"main.py": 'def handler(event):\n    return {"status": 202, "headers": {"Location": "/jobs/7", "WWW-Authenticate": "Basic"}, "body": "queued"}\n'},
    "node": {"main.js": 'exports.handler = () => ({ status: 202, headers: { Location: "/jobs/7", "WWW-Authenticate": "Basic" }, body: "queued" });\n'},
    "ruby": {"main.rb": 'def handler(event) = { status: 202, headers: { "Location" => "/jobs/7", "WWW-Authenticate" => "Basic" }, body: "queued" }\n'},
    "perl": {"main.pl": 'sub handler { return { status => 202, headers => { Location => "/jobs/7", "WWW-Authenticate" => "Basic" }, body => "queued" } }\n'},
    "php": {"main.php": '<?php\nfunction handler($event) { return ["status" => 202, "headers" => ["Location" => "/jobs/7", "WWW-Authenticate" => "Basic"], "body" => "queued"]; }\n'},
}
# Answers what it is told to answer.
MIRROR = {
    "python": {"main.py": 'def handler(event):\n    return event["body"]\n'},
    "node": {"main.js": 'exports.handler = (event) => event.body;\n'},
    "ruby": {"main.rb": 'def handler(event) = event["body"]\n'},
    "perl": {"main.pl": 'sub handler { return $_[0]{body} }\n'},
    "php": {"main.php": '<?php\nfunction handler($event) { return $event["body"]; }\n'},
}
# A header that is not Latin-1.
POLISH = {
    "python": {"main.py": 'def handler(event):\n    return {"status": 200, "headers": {"X-Name": "Łukasz"} if event["query"] else {}, "body": "é"}\n'},
    "node": {"main.js": 'exports.handler = ({ query }) => ({ status: 200, headers: query.a ? { "X-Name": "Łukasz" } : {}, body: "é" });\n'},
    "ruby": {"main.rb": 'def handler(event) = { status: 200, headers: event["query"].empty? ? {} : { "X-Name" => "Łukasz" }, body: "é" }\n'},
    "perl": {"main.pl": 'use utf8;\nsub handler { return { status => 200, headers => { %{ $_[0]{query} } ? ("X-Name" => "Łukasz") : () }, body => "é" } }\n'},
    "php": {"main.php": '<?php\nfunction handler($event) { return ["status" => 200, "headers" => $event["query"] ? ["X-Name" => "Łukasz"] : [], "body" => "é"]; }\n'},
}
STATUS_WORD = {
    "python": {"main.py": 'def handler(event):\n    return {"status": "ok"}\n'},
    "node": {"main.js": 'exports.handler = () => ({ status: "ok" });\n'},
    "ruby": {"main.rb": 'def handler(event) = { status: "ok" }\n'},
    "perl": {"main.pl": 'sub handler { return { status => "ok" } }\n'},
    "php": {"main.php": '<?php\nfunction handler($event) { return ["status" => "ok"]; }\n'},
}
NOTHING = {
    "python": {"main.py": 'def handler(event):\n    return None\n'},
    "node": {"main.js": 'exports.handler = () => {};\n'},
    "ruby": {"main.rb": 'def handler(event)\nend\n'},
    "perl": {"main.pl": 'sub handler { return }\n'},
    "php": {"main.php": '<?php\nfunction handler($event) { }\n'},
}
RAISES = {
    "python": {"main.py": 'def handler(event):\n    if event["path"] == "/bad":\n        raise RuntimeError("secret words")\n    return "fine"\n'},
    "node": {"main.js": 'exports.handler = (event) => {\n  if (event.path === "/bad") throw new Error("secret words");\n  return "fine";\n};\n'},
    "ruby": {"main.rb": 'def handler(event)\n  raise "secret words" if event["path"] == "/bad"\n  "fine"\nend\n'},
    "perl": {"main.pl": 'sub handler {\n  die "secret words" if $_[0]{path} eq "/bad";\n  return "fine";\n}\n'},
    "php": {"main.php": '<?php\nfunction handler($event) {\n  if ($event["path"] == "/bad") throw new Exception("secret words");\n  return "fine";\n}\n'},
}
ENVIRONMENT = {
    "python": {"main.py": 'import os\nwas = os.environ["GREETING"]\n\ndef handler(event):\n    return was + os.getcwd()\n'},
    "node": {"main.js": 'const was = process.env.GREETING;\nexports.handler = () => was + process.cwd();\n'},
    "ruby": {"main.rb": 'WAS = ENV["GREETING"]\ndef handler(event) = WAS + Dir.pwd\n'},
    "perl": {"main.pl": 'use Cwd;\nmy $was = $ENV{GREETING};\nsub handler { return $was . getcwd() }\n'},
    "php": {"main.php": '<?php\n$was = getenv("GREETING");\ndefine("WAS", $was);\nfunction handler($event) { return WAS . getcwd(); }\n'},
}
BYTES = {
    "python": {"main.py": 'import base64\n\ndef handler(event):\n    assert event["base64"]\n    return base64.b64decode(event["body"])[::-1]\n'},
    "node": {"main.js": 'exports.handler = (event) => Buffer.from(event.body, "base64").reverse();\n'},
    "ruby": {"main.rb": 'def handler(event)\n  event["body"].unpack1("m").reverse\nend\n'},
    "perl": {"main.pl": 'use MIME::Base64;\nsub handler { return scalar reverse decode_base64($_[0]{body}) }\n'},
    "php": {"main.php": '<?php\nfunction handler($event) { return strrev(base64_decode($event["body"])); }\n'},
}
SYNTAX = {
    "python": ({"main.py": "import os\n\ndef handler(event:\n    return 1\n"}, "main.py, line 3: SyntaxError"),
    "node": ({"main.js": "exports.x = 1;\n\nexports.handler = (event => {;\n"}, "main.js, line "),
    "ruby": ({"main.rb": "require 'json'\n\ndef handler(event\n  1\nend\n"}, "main.rb, line "),
    "perl": ({"main.pl": "use strict;\n\nsub handler {\n  my $x = ;\n}\n"}, "main.pl, line 4: syntax error"),
    "php": ({"main.php": "<?php\n\nfunction handler($event {\n}\n"}, "main.php, line 3: ParseError"),
}
MISSING = {
    "python": ({"main.py": "import os\nimport lib.part\n\ndef handler(event): pass\n", "lib/part.py": "\n\nimport not_there_at_all\n"},
               "lib/part.py, line 3: ModuleNotFoundError: No module named 'not_there_at_all'"),
    "node": ({"main.js": "require('./lib/part.js');\nexports.handler = () => 1;\n", "lib/part.js": "\n\nrequire('not-there-at-all');\n"},
             "lib/part.js, line 3: Error: Cannot find module 'not-there-at-all'"),
    "ruby": ({"main.rb": "require_relative 'lib/part'\ndef handler(event); end\n", "lib/part.rb": "\n\nrequire 'not_there_at_all'\n"},
             "lib/part.rb, line 3: LoadError: cannot load such file -- not_there_at_all"),
    "perl": ({"main.pl": "use Part;\nsub handler { }\n", "lib/Part.pm": "package Part;\n\nuse Not::There::At::All;\n1;\n"},
             "lib/Part.pm, line 3: Can't locate Not/There/At/All.pm"),
    "php": ({"main.php": "<?php\nrequire 'lib/part.php';\nfunction handler($event) { }\n", "lib/part.php": "<?php\n\nrequire 'not_there_at_all.php';\n"},
            "lib/part.php, line 3: Error: Failed opening required 'not_there_at_all.php'"),
}
ENDS = {
    "python": ({"main.py": "import sys\nsys.exit(3)\n\ndef handler(event): pass\n"}, "main.py, line 2: the code ended itself"),
    "node": ({"main.js": "exports.handler = () => 1;\nprocess.exit(3);\n"}, "main.js, line 2: the code ended itself"),
    "ruby": ({"main.rb": "def handler(event); end\nexit 3\n"}, "main.rb, line 2: the code ended itself"),
    "perl": ({"main.pl": "sub handler { }\nexit 3;\n"}, "main.pl, line 2: the code ended itself"),
    "php": ({"main.php": "<?php\nfunction handler($event) { }\nexit(3);\n"}, "main.php: the code ended itself"),
}
CGI_SCRIPT = {
    "python": {"main.py": 'import os, sys\nprint("Status: 201 Made\\nContent-Type: text/x-a\\nX-Where: " + os.environ["PATH_INFO"] + "\\n")\n'
                          'print(os.environ["REQUEST_METHOD"], os.environ["QUERY_STRING"], sys.stdin.read(), sep="|", end="")\n'},
    "node": {"main.js": 'const body = require("fs").readFileSync(0);\nconst e = process.env;\n'
                        'process.stdout.write(`Status: 201 Made\\nContent-Type: text/x-a\\nX-Where: ${e.PATH_INFO}\\n\\n${e.REQUEST_METHOD}|${e.QUERY_STRING}|${body}`);\n'},
    "ruby": {"main.rb": 'e = ENV\nprint "Status: 201 Made\\nContent-Type: text/x-a\\nX-Where: #{e["PATH_INFO"]}\\n\\n"\n'
                        'print [e["REQUEST_METHOD"], e["QUERY_STRING"], $stdin.read].join("|")\n'},
    "perl": {"main.pl": 'use CGI;\nlocal $/;\nmy $body = <STDIN>;\nprint "Status: 201 Made\\nContent-Type: text/x-a\\nX-Where: $ENV{PATH_INFO}\\n\\n";\n'
                        'print join "|", $ENV{REQUEST_METHOD}, $ENV{QUERY_STRING}, $body;\n'},
    "php": {"main.php": '<?php\nheader("Content-Type: text/x-a");\nhttp_response_code(201);\nheader("X-Where: " . $_SERVER["PATH_INFO"]);\n'
                        'echo $_SERVER["REQUEST_METHOD"], "|", $_SERVER["QUERY_STRING"], "|", file_get_contents("php://input");\n'},
}
# Says the line that it is sent as its head.
HEAD_SCRIPT = {
    "python": {"main.py": 'import sys\nprint(sys.stdin.read() + "\\n")\nprint("words")\n'},
    "node": {"main.js": 'const line = require("fs").readFileSync(0);\nprocess.stdout.write(`${line}\\n\\nwords\\n`);\n'},
    "ruby": {"main.rb": 'puts $stdin.read, "", "words"\n'},
    "perl": {"main.pl": 'local $/;\nprint <STDIN>, "\\n\\nwords\\n";\n'},
}
SIGNED_SCRIPT = {
    "python": {"main.py": 'import os\nprint(os.environ["HTTP_X_HUB_SIGNATURE_256"], end="")\n'},
    "node": {"main.js": 'process.stdout.write(process.env.HTTP_X_HUB_SIGNATURE_256);\n'},
    "ruby": {"main.rb": 'print ENV.fetch("HTTP_X_HUB_SIGNATURE_256")\n'},
    "perl": {"main.pl": 'print $ENV{HTTP_X_HUB_SIGNATURE_256};\n'},
    "php": {"main.php": '<?php\necho $_SERVER["HTTP_X_HUB_SIGNATURE_256"];\n'},
}
RAW_SCRIPT = {
    "python": {"main.py": 'import sys\nprint("Note: plain words")\nprint(len(sys.stdin.buffer.read()))\n'},
    "node": {"main.js": 'console.log("Note: plain words");\nconsole.log(require("fs").readFileSync(0).length);\n'},
    "ruby": {"main.rb": 'puts "Note: plain words", $stdin.read.bytesize\n'},
    "perl": {"main.pl": 'local $/;\nmy $body = <STDIN> // "";\nprint "Note: plain words\\n", length $body, "\\n";\n'},
    "php": {"main.php": '<?php\nheader("Content-Type: text/plain");\necho "Note: plain words\\n", strlen(file_get_contents("php://input")), "\\n";\n'},
}
FAILING_SCRIPT = {
    "python": {"main.py": 'import sys\nprint("half an answer")\nsys.exit(3)\n'},
    "node": {"main.js": 'console.log("half an answer");\nprocess.exitCode = 3;\n'},
    "ruby": {"main.rb": 'puts "half an answer"\nexit 3\n'},
    "perl": {"main.pl": 'print "half an answer\\n";\nexit 3;\n'},
    "php": {"main.php": '<?php\nthrow new Exception("half");\n'},
}
SUFFIX = {"python": "py", "node": "js", "ruby": "rb", "perl": "pl", "php": "php"}
LANGUAGES = sorted(ECHO)
each_language = pytest.mark.parametrize("language", LANGUAGES)


# ---- before the code

@each_language
def test_without_code_it_says_so_and_then_takes_its_code_on_the_same_connection(worker, language):
    one = worker(language)
    before = one.call("/")
    assert before.status == 503 and "no code" in before.text
    assert one.call(SPECIALIZE).status == 503, "specialize is a POST"
    assert one.specialize(TEXT[language]).json["kind"] == "handler"
    assert one.call("/").text == "grüße "


@each_language
@pytest.mark.parametrize("case", [SYNTAX, MISSING, ENDS], ids=["syntax", "missing", "ends"])
def test_code_that_cannot_be_loaded_is_refused_with_file_line_and_reason(worker, language, case):
    files, sentence = case[language]
    one = worker(language)
    answer = one.specialize(files)
    assert answer.status == 422, answer
    assert answer.json["error"].startswith(sentence), answer.json["error"]
    assert "\n" not in answer.json["error"] and "detail" in answer.json
    assert one.call("/").status == 503, "a container without sound code serves nothing"


@each_language
def test_what_is_named_and_is_not_there_is_refused_by_name(worker, language):
    suffix = SUFFIX[language]
    for said, words in (({"entry": f"nowhere.{suffix}"}, f"nowhere.{suffix}: there is no such file"),
                        ({"entry": "../../etc/passwd"}, "there is no such file"),
                        ({"handler": "absent"}, "has no 'absent'"),
                        ({"protocol": 2}, "protocol 1, not 2")):
        answer = worker(language).specialize(TEXT[language], **said)
        assert answer.status == 422 and words in answer.json["error"], (said, answer)


@each_language
def test_a_tree_without_a_file_to_load_is_refused(worker, language):
    assert "main." in worker(language).specialize({"README": "nothing"}).json["error"]


# ---- handlers

@each_language
def test_a_handler_gets_the_event_and_its_object_is_answered_as_json(worker, language):
    one = worker(language, ECHO[language])
    answer = one.call("/a%20b/c?x=1&y=%C3%A9", "POST", '{"n": [1, "ü"]}'.encode(),
                      {"Content-Type": "application/json; charset=utf-8", "X-Shallop-Invocation-Id": "i1", "X-Own": "v"})
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("application/json")
    event = answer.json
    assert (event["method"], event["path"], event["query"], event["id"]) == ("POST", "/a b/c", {"x": "1", "y": "é"}, "i1")
    assert event["body"] == {"n": [1, "ü"]} and event["headers"]["x-own"] == "v"
    assert one.logs("seen /a b/c"), "what the code prints is its log"
    assert "seen" not in answer.text
    assert one.call("/", "POST", "{", {"Content-Type": "application/json"}).status == 400
    assert one.call("/", "POST", "not { json", {"Content-Type": "text/plain"}).json["body"] == "not { json"


@each_language
def test_the_second_specialize_goes_to_the_code(worker, language):
    one = worker(language, ECHO[language])
    again = one.specialize()
    assert again.status == 200 and again.json["path"] == SPECIALIZE


@each_language
def test_text_is_answered_as_text_and_unicode_passes(worker, language):
    answer = worker(language, TEXT[language]).call("/", "POST", "Łódź ☂".encode(), {"Content-Type": "text/plain; charset=utf-8"})
    assert answer.text == "grüße Łódź ☂" and answer.headers["Content-Type"] == "text/plain; charset=utf-8"


@each_language
def test_a_handler_says_status_and_headers(worker, language):
    answer = worker(language, ANSWER[language]).call()
    assert (answer.status, answer.headers["X-Made"], answer.json) == (201, "yes", {"a": 1})
    assert worker(language, STATUS_WORD[language]).call().json == {"status": "ok"}, "a status that is no number is data"


@each_language
def test_no_header_changes_the_status_that_a_handler_says(worker, language):
    answer = worker(language, QUEUED[language]).call("/", "POST", "x")
    assert (answer.status, answer.headers["Location"], answer.headers["WWW-Authenticate"], answer.text) == (202, "/jobs/7", "Basic", "queued")


@each_language
def test_whatever_a_handler_says_its_answer_is_whole_and_the_next_one_is_served(worker, language):
    one = worker(language, MIRROR[language])
    for headers in ({"Content-Length": "1"}, {"content-length": "9"}, {"Transfer-Encoding": "chunked"}):
        answer = one.post_json({"status": 200, "headers": headers, "body": "xyz"})
        assert (answer.status, answer.text, "Transfer-Encoding" in answer.headers) == (200, "xyz", False), headers
    for status in (99, 100, 103, 600, 1000):
        answer = one.post_json({"status": status, "body": "data"})
        assert answer.status == 200 and answer.json["body"] == "data", f"{status} ends no answer, so it is data"
    for status in (204, 205, 304):
        # php-fpm leaves it to the daemon to send no body.
        assert one.post_json({"status": status, "body": "x"}).status == status
    for name, value in (("X-A", "b\r\nX-C: d"), ("X-A: b\nX-C", "d"), ("X A", "d"), ("X-A", "d\x01"), ("X-A", "d\x00")):
        answer = one.post_json({"status": 200, "headers": {name: value}, "body": "xyz"})
        assert (answer.status == 500 or language in ("ruby", "php") and answer.text == "xyz") and "X-C" not in answer.headers, "left out or a failure"
    cookies = one.post_json({"status": 200, "headers": {"Set-Cookie": ["a=1", "b=2"]}, "cookies": ["c=3"], "body": "xyz"})
    assert cookies.headers.get_all("Set-Cookie") == ["a=1", "b=2", "c=3"] and cookies.text == "xyz"
    assert one.post_json({"status": 200, "cookies": "d=4", "body": ""}).headers.get_all("Set-Cookie") == ["d=4"]


@each_language
def test_a_header_that_is_not_latin_1_is_sent_as_utf_8_or_a_500(worker, language):
    one = worker(language, POLISH[language])
    answer = one.call("/?a=b")
    if language in ("python", "node"):
        assert answer.status == 500 and "X-Name" not in answer.headers
    else:
        assert (answer.status, answer.headers["X-Name"].encode("latin-1").decode(), answer.text) == (200, "Łukasz", "é")
    assert one.call().text == "é"


@each_language
def test_head_and_nothing_have_no_body_and_keep_the_connection(worker, language):
    one = worker(language, TEXT[language])
    head = one.call("/", "HEAD")
    assert head.status == 200 and head.body == b"" and head.headers["Content-Length"] == "8"
    assert one.call().text == "grüße "
    nothing = worker(language, NOTHING[language])
    assert nothing.call().status == 204 and nothing.call().status == 204


@each_language
def test_bytes_pass_both_ways_also_many(worker, language):
    one = worker(language, BYTES[language])
    data = os.urandom(1000) + bytes(range(256))
    assert one.call("/", "POST", data, {"Content-Type": "application/octet-stream"}).body == data[::-1]
    much = os.urandom(10_000_000)
    assert one.call("/", "POST", much, {"Content-Type": "application/octet-stream"}).body == much[::-1]
    pieces = iter([much[:70_000], much[70_000:70_001], much[70_001:300_000]])
    chunked = one.call("/", "POST", pieces, {"Content-Type": "application/octet-stream"})
    assert chunked.body == much[:300_000][::-1]


@each_language
def test_a_handler_that_raises_is_a_500_and_the_next_call_is_served(worker, language):
    one = worker(language, RAISES[language])
    bad = one.call("/bad")
    assert bad.status == 500 and "secret" not in bad.text
    assert one.logs("secret words"), "the traceback is in the log"
    assert "shallop_runtime" not in one.log() and "puma" not in one.log(), "and begins with the function's own code"
    assert one.call().text == "fine"


@each_language
def test_the_environment_is_there_when_the_code_is_loaded(worker, language):
    one = worker(language, ENVIRONMENT[language], env={"GREETING": "hé "})
    assert one.call().text == "hé /code"


@each_language
def test_several_kept_connections_are_served_in_turn(worker, language):
    one = worker(language)
    early = [one.connect() for _ in range(3)]
    assert one.specialize(TEXT[language]).status == 200
    for _ in range(2):
        for connection in early + [one.connect()]:
            assert one.send(connection, "GET", "/").text == "grüße "


@each_language
def test_the_entry_may_be_in_a_sub_directory_and_has_its_neighbours(worker, language):
    files = {"python": {"src/web.py": "import near\n\ndef handler(event):\n    return near.WORD\n", "src/near.py": 'WORD = "near"\n'},
             "node": {"src/web.js": 'const { WORD } = require("./near.js");\nexports.handler = () => WORD;\n', "src/near.js": 'exports.WORD = "near";\n'},
             "ruby": {"src/web.rb": 'require_relative "near"\ndef handler(event) = WORD\n', "src/near.rb": 'WORD = "near"\n'},
             "perl": {"src/web.pl": 'require "near.pl";\nsub handler { return word() }\n', "src/near.pl": 'sub word { "near" }\n1;\n'},
             "php": {"src/web.php": '<?php\nrequire "near.php";\nfunction handler($event) { return WORD; }\n', "src/near.php": '<?php\nconst WORD = "near";\n'},
             }[language]
    assert worker(language, files, entry=f"src/web.{SUFFIX[language]}").call().text == "near"


# ---- scripts

@each_language
def test_a_script_speaks_cgi(worker, language):
    one = worker(language, CGI_SCRIPT[language])
    assert one.told["kind"] == ("files" if language == "php" else "script")
    for _ in range(2):
        answer = one.call("/p/q?a=b", "POST", "body")
        assert (answer.status, answer.headers["Content-Type"].split(";")[0], answer.headers["X-Where"], answer.text) == (201, "text/x-a", "/p/q", "POST|a=b|body")


@pytest.mark.parametrize("language", sorted(HEAD_SCRIPT))
def test_a_script_whose_status_ends_no_answer_is_a_500_and_the_next_one_is_served(worker, language):
    one = worker(language, HEAD_SCRIPT[language])
    for status in ("abc", "99", "100 Continue", "1000", ""):
        assert one.call("/", "POST", f"Status: {status}").status == 500, status
        assert one.call("/", "POST", "Content-Type: text/plain\nTransfer-Encoding: chunked").text == "words\n"
    assert one.call("/", "POST", "Status: 404").status == 404


@each_language
def test_a_script_gets_headers_with_digits_in_their_names(worker, language):
    assert worker(language, SIGNED_SCRIPT[language]).call(headers={"X-Hub-Signature-256": "sha256=0a"}).text == "sha256=0a"


@each_language
def test_a_script_that_prints_plain_text_is_answered_as_it_is(worker, language):
    one = worker(language, RAW_SCRIPT[language])
    answer = one.call("/", "POST", b"x" * 1_000_000)
    assert answer.text == "Note: plain words\n1000000\n" and answer.headers["Content-Type"].startswith("text/plain")
    assert not one.log(), "nothing is said about a script that works"
    assert one.call("/", "HEAD").body == b"" and one.call().text.endswith("\n0\n")


@each_language
def test_a_script_that_fails_is_a_500(worker, language):
    one = worker(language, FAILING_SCRIPT[language])
    answer = one.call()
    assert answer.status == 500 and "half" not in answer.text
    assert one.call().status == 500


# ---- several at once

SLOW = {
    "python": {"main.py": 'import time\n\ndef handler(event):\n    time.sleep(0.3)\n    return "done"\n'},
    "node": {"main.js": 'exports.handler = async () => {\n  await new Promise((done) => setTimeout(done, 300));\n  return "done";\n};\n'},
    "ruby": {"main.rb": 'def handler(event)\n  sleep 0.3\n  "done"\nend\n'},
    "perl": {"main.pl": 'sub handler {\n  select undef, undef, undef, 0.3;\n  return "done";\n}\n'},
    "php": {"main.php": '<?php\nfunction handler($event) {\n  usleep(300000);\n  return "done";\n}\n'},
}


@each_language
def test_as_many_events_at_once_as_concurrency_says(worker, language):
    import time
    one = worker(language, SLOW[language], concurrency=8)
    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: one.send(one.connect(), "GET", "/").text, range(8)))
    assert answers == ["done"] * 8
    assert time.monotonic() - begun < 8 * 0.3, "in a row they would take as long as this"
