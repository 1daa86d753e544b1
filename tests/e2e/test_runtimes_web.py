# SPDX-License-Identifier: Apache-2.0
"""Web applications as each ecosystem has them, unmodified: Node.js, Ruby, Perl and PHP; and the reference runtime in C."""
import concurrent.futures
import http.client
import os
import time

import pytest

from conftest import wait_until

# ---- Node.js

EXPRESS = '''
const express = require('express');
const app = express();
app.use(express.json({ limit: '50mb' }));
app.get('/', (req, res) => res.send('hello'));
app.get('/items/:id', (req, res) => res.json({ id: req.params.id, query: req.query, env: process.env.NAME }));
app.post('/json', (req, res) => res.json(req.body));
app.get('/fails', () => { throw new Error('secret'); });
app.get('/none', (req, res) => res.status(204).end());
app.get('/stream', (req, res) => { res.write('a'); setTimeout(() => { res.write('b'); res.end('c'); }, 5); });
app.get('/big', (req, res) => res.send('x'.repeat(10_000_000)));
app.post('/bytes', express.raw({ type: () => true, limit: '50mb' }), (req, res) => res.send(req.body.reverse()));
'''


@pytest.mark.parametrize("end, name", [("module.exports = app;\n", "main.js:default"), ("exports.app = app;\n", "main.js:app"),
                                       ("app.listen(process.env.PORT || 3000, function () { console.log('port', this.address().port); });\n", "main.js:listen"),
                                       ("setTimeout(() => app.listen(3000), 50);\n", "main.js:listen")], ids=["exports", "named", "listens", "listens later"])
def test_an_unmodified_express_application_is_served(worker, end, name):
    one = worker("node", {"main.js": EXPRESS + end}, env={"NAME": "é"})
    assert (one.told["kind"], one.told["handler"]) == ("listener", name)
    assert one.call("/").text == "hello" and one.call("/", "HEAD").body == b""
    assert one.call("/items/7?a=b").json == {"id": "7", "query": {"a": "b"}, "env": "é"}
    assert one.post_json({"x": ["ü"]}, "/json").json == {"x": ["ü"]}
    assert one.call("/fails").status == 500 and one.call("/none").status == 204 and one.call("/nowhere").status == 404
    assert one.call("/stream").text == "abc" and len(one.call("/big").body) == 10_000_000
    much = os.urandom(10_000_000)
    assert one.call("/bytes", "POST", much, {"Content-Type": "application/octet-stream"}).body == much[::-1]
    assert one.specialize().status == 404, "the second specialize is the application's"


def test_express_tells_its_routes(worker):
    told = worker("node", {"main.js": EXPRESS + "module.exports = app;\n"}).told
    assert {"path": "/items/{id}", "methods": ["GET"]} in told["routes"]


ROUTERS = """
const express = require('express');
const app = express();
const inner = express.Router();
inner.get('/', (request, response) => response.send('all'));
inner.delete('/:key', (request, response) => response.send(request.params.key));
const outer = express.Router();
outer.use('/v1.0/items', inner);
outer.use(/re.*/, inner);
app.use('/api', outer);
app.get('/plain', (request, response) => response.send('plain'));
module.exports = app;
"""


def test_express_tells_the_routes_of_its_routers(worker):
    routes = worker("node", {"main.js": ROUTERS}).told["routes"]
    assert {(route["path"], *route["methods"]) for route in routes} == {
        ("/api/v1.0/items", "GET"), ("/api/v1.0/items/{key}", "DELETE"), ("/plain", "GET")}


def test_sinatra_tells_its_routes(worker):
    site = "require 'sinatra'\nget('/items/:id') { 'x' }\npost('/items/:id') { 'y' }\nget('/files/*') { 'z' }\nget(%r{/re/(\\d+)}) { 'r' }\n"
    routes = worker("ruby", {"main.rb": site}).told["routes"]
    assert {(route["path"], *sorted(route["methods"])) for route in routes} == {("/items/{id}", "GET", "POST"), ("/files/*", "GET")}
    assert "routes" not in worker("ruby", {"main.rb": "def handler(event) = 'x'\n"}).told


FETCH = '''
export default {
  async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === '/stream') {
      return new Response(new ReadableStream({ start(out) { for (const c of 'abc') out.enqueue(new TextEncoder().encode(c)); out.close(); } }));
    }
    if (url.pathname === '/fails') throw new Error('secret');
    const headers = new Headers({ 'X-Method': request.method });
    headers.append('Set-Cookie', 'a=1');
    headers.append('Set-Cookie', 'b=2');
    return new Response(`${url.protocol}//${url.host}${url.pathname}|${await request.text()}`, { status: 201, headers });
  },
};
'''


def test_a_fetch_style_module_is_served(worker):
    one = worker("node", {"worker.mjs": FETCH})
    assert one.told["kind"] == "fetch"
    answer = one.call("/a?b", "POST", "grüße".encode(), {"Host": "example.org", "X-Forwarded-Proto": "https"})
    assert (answer.status, answer.text, answer.headers["X-Method"]) == (201, "https://example.org/a|grüße", "POST")
    assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert one.call("/stream").text == "abc" and one.call("/fails").status == 500 and one.call("/x").status == 201


@pytest.mark.parametrize("files, kind", [
    ({"main.js": "import express from 'express';\nconst app = express();\napp.get('/', (req, res) => res.send('x'));\nexport default app;\n"}, "listener"),
    ({"main.js": "export default (req, res) => res.end('x');\n"}, "listener"),
    ({"main.js": "export default async (request) => new Response('x');\n"}, "fetch"),
    ({"main.js": "module.exports = (event) => 'x';\n"}, "handler"),
    ({"main.js": "exports.handler = async function (event, context) {\n  return 'x';\n};\n"}, "handler"),
    ({"index.mjs": "import http from 'node:http';\nhttp.createServer((req, res) => res.end('x')).listen(8080);\n"}, "listener"),
    ({"package.json": '{"main": "src/start.js", "type": "module"}', "src/start.js": "import { word } from './word.js';\nexport const handler = () => word;\n",
      "src/word.js": "export const word = await Promise.resolve('x');\n"}, "handler"),
    ({"main.js": "import fs from 'node:fs';\nfs.writeSync(1, 'x');\n"}, "script"),
    ({"main.cjs": "exports.handler = () => require('dep');\n", "node_modules/dep/index.js": "module.exports = 'x';\n"}, "handler"),
], ids=["express module", "listener", "fetch function", "handler export", "two parameters", "http server", "package.json", "module script", "node_modules"])
def test_what_javascript_is_is_found_out(worker, files, kind):
    one = worker("node", files)
    assert one.told["kind"] == kind
    assert one.call("/").text == "x"


GENERATOR = """
exports.handler = async function* ({ path }) {
  if (path === '/first') throw new Error('secret');
  if (path === '/empty') return;
  yield 'a';
  yield 1;
  if (path === '/second') throw new Error('secret');
  yield new TextEncoder().encode('b');
};
"""
WEB_STREAM = """
export default async (request) => new Response(new ReadableStream({
  start(out) {
    const path = new URL(request.url).pathname;
    if (path === '/first') return;
    for (const piece of path === '/empty' ? '' : 'a1b') out.enqueue(new TextEncoder().encode(piece));
    if (path !== '/second') out.close();
  },
  pull(out) { out.error(new Error('secret')); },
}));
"""


@pytest.mark.parametrize("code", [GENERATOR, WEB_STREAM], ids=["generator", "Response"])
def test_a_stream_of_node_that_fails_before_its_first_piece_is_a_500(worker, code):
    one = worker("node", {"main.mjs" if "export default" in code else "main.js": code})
    failed = one.call("/first")
    assert failed.status == 500 and "secret" not in failed.text
    assert one.call("/").text == "a1b" and one.call("/empty").body == b"" and one.call("/", "HEAD").body == b""
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        one.send(one.connect(), "GET", "/second")
    assert one.call("/").text == "a1b"


@pytest.mark.parametrize("line", ["Status: abc", "Status: 99", "Status: 200 \\x01", "Location: /\\x01", "Content-Type: a\\x00b"])
def test_a_script_of_node_whose_head_is_no_http_is_a_500(worker, line):
    one = worker("node", {"main.js": f"const bad = process.env.QUERY_STRING;\nprocess.stdout.write(bad ? '{line}\\n\\n' : 'fine');\n"
                                     "if (bad) setInterval(() => process.stdout.write('more'), 1);\n"})
    assert one.call("/?bad").status == 500 and one.call("/?bad").status == 500
    assert one.call("/").text == "fine"


# ---- Ruby

@pytest.mark.parametrize("files", [
    {"config.ru": "require_relative 'app'\nrun App.new\n",
     "app.rb": "class App\n  def call(env)\n    [200, {'Content-Type' => 'text/plain'}, [\"#{env['SCRIPT_NAME']}|#{env['PATH_INFO']}|#{env['rack.input'].read}\"]]\n  end\nend\n"},
    {"main.rb": "App = lambda do |env|\n  [200, {}, [env['SCRIPT_NAME'], '|', env['PATH_INFO'], '|', env['rack.input'].read]]\nend\n"},
    {"main.rb": "require 'sinatra'\nget('/none') { 204 }\n[:get, :post].each { |verb| send(verb, '/*') { \"#{request.script_name}|#{request.path_info}|#{request.body.read}\" } }\n"},
    {"main.rb": "require 'sinatra/base'\nclass Site < Sinatra::Base\n  post('/*') { \"#{request.script_name}|#{request.path_info}|#{request.body.read}\" }\nend\n"},
], ids=["config.ru", "App", "Sinatra classic", "Sinatra modular"])
def test_rack_applications_are_served(worker, files):
    one = worker("ruby", files)
    assert one.told["kind"] == "rack"
    assert one.call("/a/b?c", "POST", "body", {"X-Forwarded-Prefix": "/function/f"}).text == "/function/f|/a/b|body"
    much = b"x" * 10_000_000
    assert len(one.call("/", "POST", much, {"Content-Type": "application/octet-stream"}).body) > len(much)


# ---- Perl

PSGI = r'''
use strict;
my $app = sub {
    my ($env) = @_;
    my $path = $env->{PATH_INFO};
    if ($path eq '/stream') {
        return sub { my $out = $_[0]->([200, ['Content-Type' => 'text/plain']]); $out->write($_) for qw(a b c); $out->close };
    }
    die "secret\n" if $path eq '/fails';
    return [204, [], []] if $path eq '/none';
    return [200, ['Content-Length' => $1], ['abc']] if $path =~ m{^/length/(\d+)};
    if ($path eq '/file') { open my $in, '<', \"from a file"; return [200, [], $in] }
    local $/;
    my $body = readline $env->{'psgi.input'};
    return [200, ['Content-Type' => 'text/plain'], [join '|', $env->{SCRIPT_NAME}, $path, $env->{QUERY_STRING}, $env->{REMOTE_ADDR}, length($body // '')]];
};
'''


@pytest.mark.parametrize("name", ["app.psgi", "main.pl"])
def test_a_psgi_application_is_served(worker, name):
    one = worker("perl", {name: PSGI})
    assert one.told["kind"] == "psgi"
    answer = one.call("/%C3%A9?q", "POST", b"x" * 3_000_000, {"X-Forwarded-Prefix": "/function/f", "X-Forwarded-For": "1.1.1.1, 192.0.2.9"})
    assert answer.text == "/function/f|/é|q|192.0.2.9|3000000"
    assert one.call("/stream").text == "abc" and one.call("/file").text == "from a file"
    assert one.call("/none").status == 204 and one.call("/fails").status == 500 and one.call("/", "HEAD").body == b""
    assert one.call("/", "POST", iter([b"12", b"345"])).text.endswith("|5")
    assert one.call("/length/2").text == "ab" and one.call("/stream").text == "abc"
    with pytest.raises(http.client.IncompleteRead):
        one.send(one.connect(), "GET", "/length/9")


def test_plack_builder_is_there(worker):
    code = "use Plack::Builder;\nuse Plack::Request;\nbuilder { enable 'ContentLength'; sub { my $r = Plack::Request->new(shift); [200, [], [$r->param('a')]] } };\n"
    assert worker("perl", {"app.psgi": code}).call("/?a=b").text == "b"


PERL_PAIRS = {"main.pl": '''
sub handler {
  my ($round) = $_[0]{path} =~ /(\\d+)/;
  open my $file, ">", "/tmp/$round-$$" or die $!;
  for (1 .. 400) {
    return "together" if (my @both = glob "/tmp/$round-*") == 2;
    select undef, undef, undef, 0.01;
  }
  return "alone";
}
'''}


def test_no_process_of_perl_takes_an_event_while_it_has_one(worker):
    one = worker("perl", PERL_PAIRS, concurrency=2)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for number in range(8):
            # Both are there before either says what it wants.
            pair = [one.connect(), one.connect()]
            answers = list(pool.map(lambda connection: one.send(connection, "GET", f"/{number}"), pair))
            assert [answer.text for answer in answers] == ["together"] * 2
            assert {answer.headers["Connection"] for answer in answers} == {"close"}


def test_perl_says_that_the_connection_which_brought_the_code_ends_where_processes_take_over(worker):
    files = {"main.pl": "sub handler { 'x' }"}
    one = worker("perl")
    assert one.specialize(files, concurrency=2).headers["Connection"] == "close"
    assert worker("perl").specialize(files).headers["Connection"] is None


# ---- PHP

SITE = {
    "index.php": '<?php\n$name = "global";\nfunction f() { global $name; return $name; }\necho "index ", f(), " ", $_SERVER["SCRIPT_NAME"];\n',
    "about.php": '<?php session_start(); $_SESSION["n"] = ($_SESSION["n"] ?? 0) + 1; echo $_SESSION["n"];\n',
    "api/users.php": '<?php echo json_encode([$_SERVER["PATH_INFO"], $_SERVER["SCRIPT_NAME"], basename(getcwd()), $_GET, $_POST]);\n',
    "lib.inc": "secret",
    "fails.php": '<?php throw new Exception("secret");\n',
    "big.php": '<?php echo str_repeat("x", 10000000);\n',
    "upload.php": '<?php echo $_FILES["f"]["size"], " ", is_uploaded_file($_FILES["f"]["tmp_name"]) ? "yes" : "no";\n',
}


@pytest.mark.parametrize("entry", ["", "index.php"])
def test_a_php_folder_has_a_script_for_each_path(worker, entry):
    one = worker("php", SITE, entry=entry)
    assert one.told["kind"] == "files"
    prefix = {"X-Forwarded-Prefix": "/function/f"}
    assert one.call("/", headers=prefix).text == "index global /function/f/index.php" and one.call("/index.php").text.startswith("index global")
    users = one.call("/api/users/7/x?a=b", "POST", "c=d", {"Content-Type": "application/x-www-form-urlencoded"})
    assert users.json == ["/7/x", "/api/users.php", "api", {"a": "b"}, {"c": "d"}]
    first = one.call("/about")
    cookie = first.headers["Set-Cookie"].split(";")[0]
    assert first.text == "1" and one.call("/about.php", headers={"Cookie": cookie}).text == "2"
    assert one.call("/fails").status == 500 and "secret" not in one.call("/fails").text and one.logs("secret")
    assert len(one.call("/big").body) == 10_000_000
    body = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + b"x" * 3_000_000 + b"\r\n--b--\r\n"
    assert one.call("/upload", "POST", body, {"Content-Type": "multipart/form-data; boundary=b"}).text == "3000000 yes"


def test_what_is_no_script_is_given_out_from_public_only(worker):
    one = worker("php", SITE)
    assert "secret" not in one.call("/lib.inc").text and "<?php" not in one.call("/index.php").text
    site = worker("php", {"public/index.php": '<?php require "../lib.php"; echo lib(), $_SERVER["PATH_INFO"];', "public/style.css": "a{}", "public/.env": "secret",
                          "lib.php": '<?php function lib() { return "lib"; }'})
    assert site.call("/").text == "lib" and site.call("/any/path").text == "lib/any/path"
    css = site.call("/style.css")
    assert css.text == "a{}" and css.headers["Content-Type"].startswith("text/css")
    for path in ("/.env", "/../lib.php", "/%2e%2e/lib.php", "/..%2flib.php"):
        assert "secret" not in site.call(path).text and "function" not in site.call(path).text


def test_a_php_front_controller_gets_every_path(worker):
    one = worker("php", {"web.php": '<?php echo $_SERVER["PATH_INFO"], "|", $_SERVER["REQUEST_URI"];\n', "other.php": "<?php echo 1;"}, entry="web.php")
    assert one.told["kind"] == "script" and one.call("/other.php?x").text == "/other.php|/other.php?x"


PHP_SLOW = {"index.php": '<?php if ($_SERVER["PATH_INFO"] === "/dies") posix_kill(getmypid(), 9);\n'
                         'if ($_SERVER["PATH_INFO"] === "/slow") sleep(20);\necho getmypid();\n'}


def test_php_has_a_process_for_each_event_and_more_for_callers_that_have_gone(worker):
    one = worker("php", PHP_SLOW, concurrency=2)
    for _ in range(2):
        gone = one.connect()
        gone.request("GET", "/slow")
        assert one.call("/").status == 200, "beside a slow one"
        gone.close()
    begun = time.monotonic()
    assert {one.send(one.connect(), "GET", "/").status for _ in range(4)} == {200}
    assert time.monotonic() - begun < 4, "twenty seconds if one waited for the slow ones"


@pytest.mark.parametrize("concurrency", [1, 3, 40])
def test_a_php_process_that_dies_is_replaced(worker, concurrency):
    one = worker("php", PHP_SLOW, concurrency=concurrency)
    for _ in range(5):
        assert one.call("/dies").status == 502
        # That its connection is over may be noticed late.
        assert wait_until(lambda: one.call("/").status == 200)
    with concurrent.futures.ThreadPoolExecutor(concurrency) as pool:
        assert {answer.status for answer in pool.map(lambda _: one.send(one.connect(), "GET", "/"), range(4 * concurrency))} == {200}


# ---- the reference in C

def test_the_reference_runtime_keeps_to_the_protocol(worker):
    one = worker("reference-c")
    assert one.call("/").status == 503
    early = one.connect()
    missing = one.specialize(entry="nowhere")
    assert missing.status == 422 and missing.json["error"].startswith("nowhere: there is no")
    told = one.specialize({"main": '#!/bin/sh\necho "$GREETING"\ncat\n', "fails": "#!/bin/sh\nexit 3\n"}, env={"OTHER": "x", "GREETING": "said \"hi\""})
    assert told.status == 200 and told.json["kind"] == "program"
    assert one.call("/", "POST", b"x" * 1_000_000).text == 'said "hi"\n' + "x" * 1_000_000
    assert one.send(early, "POST", "/.shallop/specialize", "again").text == 'said "hi"\nagain'
    assert one.call("/", "HEAD").body == b"" and one.call("/").status == 200
    assert one.call("/", "PUT", iter([b"in ", b"pieces"])).text == 'said "hi"\nin pieces'


def test_the_reference_runtime_runs_several_programs_at_once_and_says_when_one_fails(worker):
    # Each waits until there are four of them.
    one = worker("reference-c", {"main": '#!/bin/sh\necho >/tmp/$$\nuntil [ $(ls /tmp | wc -l) -ge 4 ]; do sleep 0.01; done\ncat\n'}, concurrency=4)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda number: one.send(one.connect(), "POST", "/", str(number)).text, range(4))
        assert list(answers) == ["0", "1", "2", "3"]
    assert worker("reference-c", {"a": "#!/bin/sh\nexit 3\n"}, entry="a").call().status == 500
    assert worker("reference-c", {"a": "#!/nowhere\n"}, entry="a").call().status == 500
