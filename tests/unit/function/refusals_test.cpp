// SPDX-License-Identifier: Apache-2.0
#include <shallop/function/resource.h>

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace shallop;
using base::Fault;
using function::parse_resource;

namespace {

struct Refusal {
    std::string document;
    std::string pointer;
    std::string says;  ///< a part of the sentence
};

void check_refused(const std::vector<Refusal>& table) {
    for (const auto& row : table) {
        CAPTURE(row.document);
        const auto spec = parse_resource(row.document, "f");
        REQUIRE_FALSE(spec);
        const auto error = spec.error();
        CAPTURE(error.detail);
        CHECK(error.fault == Fault::invalid);
        CHECK(error.pointer == row.pointer);
        CHECK(error.detail.find(row.says) != std::string::npos);
    }
}

/// A resource with one more member.
std::string with(const std::string& member) { return R"({"image":"i",)" + member + "}"; }

std::string with_mount(const std::string& mount) { return with(R"("mounts":[)" + mount + "]"); }

std::string repeated(const std::string& text, int times) {
    std::string all;
    for (int at = 0; at < times; ++at) all += text;
    return all;
}

}  // namespace

TEST_CASE("what is no JSON document is refused with its place", "[function]") {
    check_refused({
        {"", "", "empty"},
        {" \n\t", "", "empty"},
        {"{", "", "line 1, column 2"},
        {"{\n  \"image\": x}", "", "line 2, column 12"},
        {R"({"image":"i"} trailing)", "", "not valid JSON"},
        {R"({"image":"i",})", "", "not valid JSON"},
        {"{\"image\":\"\xff\xfe\"}", "", "not valid JSON"},
        {R"({"image":"\ud800"})", "", "not valid JSON"},
        {R"({"limits":{"cpus":1e999}})", "", "out of range"},
        {"[]", "", "JSON object"},
        {"null", "", "JSON object"},
        {R"("image")", "", "JSON object"},
    });
}

TEST_CASE("a member that is there twice is refused wherever it is", "[function]") {
    check_refused({
        {R"({"image":"a","image":"b"})", "/image", "twice"},
        {with(R"("env":{"A":"1","A":"2"})"), "/env/A", "twice"},
        {with(R"("routes":[{"path":"/a"},{"path":"/b","path":"/c"}])"), "/routes/1/path", "twice"},
        {with(R"("env":{"a/b~c":"1","a/b~c":"2"})"), "/env/a~1b~0c", "twice"},
    });
}

TEST_CASE("U+0000 is refused in texts and in names", "[function]") {
    check_refused({
        {R"({"image":"a\u0000b"})", "/image", "U+0000"},
        {with(R"("command":["sh","a\u0000"])"), "/command/1", "U+0000"},
        {with(R"("env":{"A\u0000":"x"})"), std::string("/env/A\0", 7), "U+0000"},
    });
}

TEST_CASE("deep nesting is refused without recursion", "[function]") {
    const auto deep = repeated("[", 120'000);
    const auto spec = parse_resource(deep, "f");
    REQUIRE_FALSE(spec);
    CHECK(spec.error().fault == Fault::invalid);
    CHECK(spec.error().detail.find("deeper than 16") != std::string::npos);
    CHECK_FALSE(parse_resource(repeated(R"({"a":)", 40'000), "f"));
}

TEST_CASE("a document over the limit is too large before it is read", "[function]") {
    const auto spec = parse_resource(std::string(256 * 1024 + 1, 'x'), "f");
    REQUIRE_FALSE(spec);
    CHECK(spec.error().fault == Fault::too_large);
}

TEST_CASE("unknown members are refused at every level, naming the known ones", "[function]") {
    check_refused({
        {with(R"("imgae":"x")"), "/imgae", "image"},
        {with(R"("limits":{"mem":"1Gi"})"), "/limits/mem", "memory"},
        {with(R"("scale":{"maximum":1})"), "/scale/maximum", "max"},
        {with(R"("routes":[{"path":"/a","verb":"GET"}])"), "/routes/0/verb", "methods"},
        {with_mount(R"({"type":"volume","source":"vv","target":"/v","mode":"rw"})"), "/mounts/0/mode", "read_only"},
        {with(R"("contract":{"cgi":{"outptu":"raw"}})"), "/contract/cgi/outptu", "output"},
        {with(R"("contract":{"cgi":{},"http":{}})"), "/contract/http", "cgi"},
        {with(R"("contract":{"kind":"cgi","auto":true,"port":1})"), "/contract/port", "output"},
    });
}

TEST_CASE("a name is a DNS label and agrees with the URL", "[function]") {
    check_refused({{with(R"("name":"g")"), "/name", "URL"}, {with(R"("name":7)"), "/name", "text"}});
    for (const auto* name : {"", "-a", "a-", "A", "a.b", "a_b", "a/b", "ü", "a b"}) {
        CAPTURE(name);
        const auto spec = parse_resource(R"({"image":"i"})", name);
        REQUIRE_FALSE(spec);
        CHECK(spec.error().pointer == "/name");
    }
    CHECK(parse_resource(R"({"image":"i"})", std::string(63, 'a')));
    CHECK_FALSE(parse_resource(R"({"image":"i"})", std::string(64, 'a')));
}

TEST_CASE("an image is a reference that docker pull would take", "[function]") {
    check_refused({{"{}", "/image", "name the image"},
                   {R"({"image":null})", "/image", "name the image"},
                   {R"({"image":["a"]})", "/image", "text"}});
    for (const auto* image : {"",      " ",   "a b",   "Ab",         "a/B",   "../etc",      "a/../b",
                              "a//b",  "/a",  "a/",    "a:",         "a:b c", "a@sha256:12", "-a",
                              "a?x=1", "a#b", "a%2fb", "http://a/b", "a.-b",  "a:tag:tag",   "reg:99x9/a"}) {
        CAPTURE(image);
        const auto spec = parse_resource(std::string(R"({"image":")") + image + "\"}", "f");
        REQUIRE_FALSE(spec);
        CHECK(spec.error().pointer == "/image");
    }
    const std::string digest(64, 'a');
    for (const auto& image :
         {std::string("alpine"), std::string("alpine:3.20"), std::string("a/b_c/d__e/f--g:X.y"), "a@sha256:" + digest,
          "localhost/a:1@sha256:" + digest, std::string("Reg.example.org:5000/a/b"), "sha256:" + digest}) {
        CAPTURE(image);
        CHECK(parse_resource(R"({"image":")" + image + "\"}", "f"));
    }
}

TEST_CASE("a contract that is not here yet is refused in words", "[function]") {
    const std::string words = "is not available in this version; use 'cgi', 'http', 'fcgi' or 'auto'";
    check_refused({
        {with(R"("contract":"lambda")"), "/contract", "contract 'lambda' " + words},
        {with(R"("contract":{"lambda":{}})"), "/contract", "contract 'lambda' " + words},
        {with(R"("contract":{"kind":"lambda","auto":false})"), "/contract/kind", "contract 'lambda' " + words},
        {with(R"("contract":{})"), "/contract", words},
        {with(R"("contract":7)"), "/contract", "\"auto\""},
        {with(R"("contract":null)"), "/contract", "\"auto\""},
        {with(R"("contract":{"cgi":null})"), "/contract/cgi", "object"},
        {with(R"("contract":{"cgi":{"output":"html"}})"), "/contract/cgi/output", "auto, cgi, raw, nph"},
        {with(R"("contract":{"cgi":{"document_root":"srv"}})"), "/contract/cgi/document_root", "absolute path"},
        {with(R"("contract":{"cgi":{"script":"/srv/../etc/x"}})"), "/contract/cgi/script", "absolute path"},
        {with(R"("contract":{"fcgi":{"root":"srv"}})"), "/contract/fcgi/root", "absolute path"},
        {with(R"("contract":{"fcgi":{"index":"/index.php"}})"), "/contract/fcgi/index", "relative path"},
        {with(R"("contract":{"fcgi":{"index":"../index.php"}})"), "/contract/fcgi/index", "relative path"},
        {with(R"("contract":{"fcgi":{"port":"9000"}})"), "/contract/fcgi/port", "as a number"},
        {with(R"("contract":{"fcgi":{"ready_path":"/"}})"), "/contract/fcgi/ready_path", ""},
        {with(R"("contract":{"kind":"fcgi","auto":true,"port":"unix:/tmp/s"})"), "/contract/port", "\"fcgi\""},
        {with(R"("contract":{"cgi":{"pass_authorization":"yes"}})"), "/contract/cgi/pass_authorization",
         "true or false"},
    });
}

TEST_CASE("where a server listens is a port or a socket's path", "[function]") {
    const auto http = [](const std::string& port) { return with(R"("contract":{"http":{"port":)" + port + "}}"); };
    check_refused({
        {http("0"), "/contract/http/port", "from 1 to 65535"},
        {http("65536"), "/contract/http/port", "from 1 to 65535"},
        {http("-80"), "/contract/http/port", "from 1 to 65535"},
        {http("80.5"), "/contract/http/port", "from 1 to 65535"},
        {http("\"8080\""), "/contract/http/port", "as a number"},
        {http("\"tcp:80\""), "/contract/http/port", "unix:/"},
        {http("true"), "/contract/http/port", "as a number"},
        {http("[80]"), "/contract/http/port", "as a number"},
        {http("\"unix:\""), "/contract/http/port", "absolute path"},
        {http("\"unix:run/s\""), "/contract/http/port", "absolute path"},
        {http("\"unix:/run/../s\""), "/contract/http/port", "absolute path"},
        {http("\"unix:/run/s\\u0000x\""), "/contract/http/port", "U+0000"},
        {http("\"unix:/" + std::string(100, 'a') + "\""), "/contract/http/port", "at most 100"},
        {with(R"("contract":{"kind":"http","auto":true,"port":"unix:/tmp/s"})"), "/contract/port", "by itself"},
        {with(R"("contract":{"kind":"http","auto":false,"port":0})"), "/contract/port", "from 1 to 65535"},
        {with(R"("contract":{"http":null})"), "/contract/http", "object"},
        {with(R"("contract":{"http":{"output":"raw"}})"), "/contract/http/output", "ready_path"},
        {with(R"("contract":{"kind":"http","output":"raw"})"), "/contract/output", "ready_path"},
    });
    CHECK(parse_resource(http("\"unix:/" + std::string(99, 'a') + "\""), "f"));
}

TEST_CASE("what is asked of a server to see it ready is a path as a request has it", "[function]") {
    for (const auto* path : {"healthz", "http://h/x", "/a b", "/a\\r\\nX: y", "/a#b", "/ü", "*"}) {
        check_refused({{with(R"("contract":{"http":{"ready_path":")" + std::string(path) + "\"}}"),
                        "/contract/http/ready_path", "not a path to ask for"}});
    }
    check_refused({
        {with(R"("contract":{"http":{"ready_path":7}})"), "/contract/http/ready_path", "text or null"},
        {with(R"("contract":{"http":{"ready_path":"/)" + std::string(1024, 'a') + "\"}}"), "/contract/http/ready_path",
         "at most 1024"},
    });
    CHECK(parse_resource(with(R"("contract":{"http":{"ready_path":"/h?deep=1"}})"), "f"));
}

TEST_CASE("each number and word of scale has its bounds", "[function]") {
    check_refused({
        {with(R"("scale":{"min":-1})"), "/scale/min", "from 0 to 1000"},
        {with(R"("scale":{"min":1001})"), "/scale/min", "from 0 to 1000"},
        {with(R"("scale":{"concurrency":0})"), "/scale/concurrency", "from 1 to 1000"},
        {with(R"("scale":{"concurrency":1001})"), "/scale/concurrency", "from 1 to 1000"},
        {with(R"("scale":{"standby":-1,"reuse":false})"), "/scale/standby", "from 0 to 1000"},
        {with(R"("scale":{"max_invocations":-1})"), "/scale/max_invocations", "from 0"},
        {with(R"("scale":{"max_invocations":1.5})"), "/scale/max_invocations", "whole number"},
        {with(R"("scale":{"idle":"freeze"})"), "/scale/idle", "keep, pause"},
        {with(R"("scale":{"keep_alive":"forever"})"), "/scale/keep_alive", "fixed, learned"},
        {with(R"("scale":{"reuse":"yes"})"), "/scale/reuse", "true or false"},
        {with(R"("scale":{"idle_timeout":"25h"})"), "/scale/idle_timeout", "to 1d"},
    });
}

TEST_CASE("what contradicts itself in scale is refused where it does", "[function]") {
    check_refused({
        {with(R"("scale":{"min":11})"), "/scale/min", "min is 11 and max is 10"},
        {with(R"("scale":{"max":2,"min":3})"), "/scale/min", "raise max"},
        {with(R"("scale":{"reuse":false,"max":2,"standby":3})"), "/scale/standby", "standby is 3 and max is 2"},
        {with(R"("scale":{"standby":1})"), "/scale/standby", "\"reuse\": false"},
        {with(R"("scale":{"reuse":false,"min":1})"), "/scale/min", "standby"},
        {with(R"("scale":{"reuse":false,"concurrency":2})"), "/scale/concurrency", "\"reuse\": true"},
        {with(R"("scale":{"reuse":false,"max_invocations":2})"), "/scale/max_invocations", "\"reuse\": true"},
    });
    CHECK(parse_resource(with(R"("scale":{"reuse":false,"max_invocations":1,"standby":10})"), "f"));
    CHECK(parse_resource(with(R"("contract":"http","scale":{"reuse":false})"), "f"));
}

TEST_CASE("commands, variables, users and runtimes are checked", "[function]") {
    check_refused({
        {with(R"("command":"date")"), "/command", "array of words"},
        {with(R"("command":[])"), "/command", "null"},
        {with(R"("command":["a",1])"), "/command/1", "text"},
        {with(R"("command":[)" + repeated("\"a\",", 256) + "\"a\"]"), "/command", "at most 256"},
        {with(R"("command":[")" + std::string(65536, 'a') + "\"]"), "/command", "at most 64Ki"},
        {with(R"("env":["A=1"])"), "/env", "object"},
        {with(R"("env":{"A":1})"), "/env/A", "text"},
        {with(R"("env":{"":"x"})"), "/env/", "not a variable's name"},
        {with(R"("env":{"1A":"x"})"), "/env/1A", "not a variable's name"},
        {with(R"("env":{"A=B":"x"})"), "/env/A=B", "not a variable's name"},
        {with(R"("env":{"SHALLOP_SOCKET":"x"})"), "/env/SHALLOP_SOCKET", "platform's"},
        {with(R"("env":{"A":")" + std::string(65536, 'a') + "\"}"), "/env", "at most 64Ki"},
        {with(R"("user":1000)"), "/user", "text or null"},
        {with(R"("user":"a b")"), "/user", "uid:gid"},
        {with(R"("user":":5")"), "/user", "uid:gid"},
        {with(R"("user":"5:")"), "/user", "uid:gid"},
        {with(R"("user":"1:2:3")"), "/user", "uid:gid"},
        {with(R"("user":"4294967296")"), "/user", "uid:gid"},
        {with(R"("runtime":"run c")"), "/runtime", "runtime's name"},
        {with(R"("read_only":"no")"), "/read_only", "true or false"},
        {with(R"("pull":"sometimes")"), "/pull", "if-missing, always, never"},
    });
}

TEST_CASE("no network mode shares another namespace", "[function]") {
    check_refused({
        {with(R"("network":"host")"), "/network", "may not use"},
        {with(R"("network":"default")"), "/network", "may not use"},
        {with(R"("network":"container:abc")"), "/network", "may not use"},
        {with(R"("network":"ns:/proc/1/ns/net")"), "/network", "not a network's name"},
        {with(R"("network":"")"), "/network", "not a network's name"},
        {with(R"("network":"a b")"), "/network", "not a network's name"},
        {with(R"("network":null)"), "/network", "text"},
    });
}

TEST_CASE("mounts hide nothing of the platform's and never the engine's socket", "[function]") {
    check_refused({
        {with_mount(R"({"source":"vv","target":"/v"})"), "/mounts/0/type", "say which"},
        {with_mount(R"({"type":"nfs","source":"vv","target":"/v"})"), "/mounts/0/type", "volume, bind, tmpfs"},
        {with_mount(R"({"type":"volume","target":"/v"})"), "/mounts/0/source", "volume's name"},
        {with_mount(R"({"type":"volume","source":"/etc","target":"/v"})"), "/mounts/0/source", "bind"},
        {with_mount(R"({"type":"volume","source":"../x","target":"/v"})"), "/mounts/0/source", "volume's name"},
        {with_mount(R"({"type":"volume","source":"vv"})"), "/mounts/0/target", "absolute path"},
        {with_mount(R"({"type":"volume","source":"vv","target":"v"})"), "/mounts/0/target", "absolute path"},
        {with_mount(R"({"type":"volume","source":"vv","target":"/"})"), "/mounts/0/target", "absolute path"},
        {with_mount(R"({"type":"volume","source":"vv","target":"/a/../b"})"), "/mounts/0/target", "absolute path"},
        {with_mount(R"({"type":"volume","source":"vv","target":"/a/"})"), "/mounts/0/target", "absolute path"},
        {with_mount(R"({"type":"volume","source":"vv","target":"/.shallop"})"), "/mounts/0/target", "choose another"},
        {with_mount(R"({"type":"volume","source":"vv","target":"/.shallop/x"})"), "/mounts/0/target", "choose another"},
        {with_mount(R"({"type":"volume","source":"vv","target":"/proc/1"})"), "/mounts/0/target", "choose another"},
        {with_mount(R"({"type":"volume","source":"vv","target":"/sys"})"), "/mounts/0/target", "choose another"},
        {with_mount(R"({"type":"volume","source":"vv","target":"/dev/shm"})"), "/mounts/0/target", "choose another"},
        {with_mount(R"({"type":"tmpfs","target":"/tmp"})"), "/mounts/0/target", "limits.tmp"},
        {with_mount(R"({"type":"tmpfs","source":"x","target":"/v"})"), "/mounts/0/source", "no source"},
        {with_mount(R"({"type":"tmpfs","target":"/v","read_only":true})"), "/mounts/0/read_only", "stays empty"},
        {with_mount(R"({"type":"volume","source":"vv","target":"/v","size":"1Mi"})"), "/mounts/0/size", "only a tmpfs"},
        {with_mount(R"({"type":"bind","source":"srv","target":"/v"})"), "/mounts/0/source", "absolute path"},
        {with_mount(R"({"type":"bind","source":"/","target":"/v"})"), "/mounts/0/source", "absolute path"},
        {with_mount(R"({"type":"bind","source":"/srv/../run","target":"/v"})"), "/mounts/0/source", "absolute path"},
        {with_mount(R"({"type":"bind","source":"/var/run/docker.sock","target":"/v"})"), "/mounts/0/source",
         "never mounted"},
        {with_mount(R"({"type":"bind","source":"/srv/docker.sock","target":"/v"})"), "/mounts/0/source",
         "never mounted"},
        {with_mount(R"({"type":"bind","source":"/run/containerd/containerd.sock","target":"/v"})"), "/mounts/0/source",
         "never mounted"},
        {with_mount(R"({"type":"tmpfs","target":"/v"},{"type":"tmpfs","target":"/v"})"), "/mounts/1/target", "already"},
        {with(R"("mounts":{})"), "/mounts", "array"},
        {with(R"("mounts":[7])"), "/mounts/0", "object"},
        {with_mount(repeated(R"({"type":"tmpfs","target":"/v"},)", 32) + "1"), "/mounts", "at most 32"},
    });
}

TEST_CASE("routes are checked as texts", "[function]") {
    check_refused({
        {with(R"("routes":"/a")"), "/routes", "array"},
        {with(R"("routes":[{}])"), "/routes/0/path", "starts with '/'"},
        {with(R"("routes":[{"path":"a"}])"), "/routes/0/path", "starts with '/'"},
        {with(R"("routes":[{"path":"/a?b"}])"), "/routes/0/path", "percent-encode"},
        {with(R"("routes":[{"path":"/a b"}])"), "/routes/0/path", "percent-encode"},
        {with(R"("routes":[{"path":"/ü"}])"), "/routes/0/path", "percent-encode"},
        {with(R"("routes":[{"path":"/)" + std::string(1024, 'a') + "\"}]"), "/routes/0/path", "1024"},
        {with(R"("routes":[{"path":"/a","methods":"GET"}])"), "/routes/0/methods", "array"},
        {with(R"("routes":[{"path":"/a","methods":["get"]}])"), "/routes/0/methods/0", "upper-case"},
        {with(R"("routes":[{"path":"/a","methods":["GET","GET"]}])"), "/routes/0/methods/1", "twice"},
        {with(R"("routes":[{"path":"/a","methods":["CONNECT"]}])"), "/routes/0/methods/0", "CONNECT"},
        {with(R"("routes":[{"path":"/a","methods":["A B"]}])"), "/routes/0/methods/0", "upper-case"},
        {with(R"("routes":[{"path":"/a","host":"Example.org"}])"), "/routes/0/host", "lower-case"},
        {with(R"("routes":[{"path":"/a","host":"a.example:80"}])"), "/routes/0/host", "without a port"},
        {with(R"("routes":[{"path":"/a","host":"a.example."}])"), "/routes/0/host", "not a host"},
        {with(R"("routes":[{"path":"/a","host":"a.*.example"}])"), "/routes/0/host", "not a host"},
        {with(R"("routes":[{"path":"/a","host":"*"}])"), "/routes/0/host", "not a host"},
        {with(R"("routes":[)" + repeated(R"({"path":"/a"},)", 256) + "1]"), "/routes", "at most 256"},
    });
}

TEST_CASE("capabilities come from a short list", "[function]") {
    check_refused({
        {with(R"("capabilities":["SYS_ADMIN"])"), "/capabilities/0", "NET_BIND_SERVICE"},
        {with(R"("capabilities":["CHOWN","ALL"])"), "/capabilities/1", "cannot be given"},
        {with(R"("capabilities":["NET_RAW"])"), "/capabilities/0", "cannot be given"},
        {with(R"("capabilities":["CHOWN","CAP_CHOWN"])"), "/capabilities/1", "twice"},
        {with(R"("capabilities":"CHOWN")"), "/capabilities", "array"},
    });
}

TEST_CASE("limits have bounds and units", "[function]") {
    check_refused({
        {with(R"("limits":[])"), "/limits", "object"},
        {with(R"("limits":{"memory":"5Mi"})"), "/limits/memory", "from 6Mi to 1Ti"},
        {with(R"("limits":{"memory":"2Ti"})"), "/limits/memory", "from 6Mi to 1Ti"},
        {with(R"("limits":{"memory":-1})"), "/limits/memory", "number of bytes"},
        {with(R"("limits":{"memory":1.5})"), "/limits/memory", "number of bytes"},
        {with(R"("limits":{"memory":18446744073709551615})"), "/limits/memory", "number of bytes"},
        {with(R"("limits":{"memory":"lots"})"), "/limits/memory", "256Mi"},
        {with(R"("limits":{"memory":null})"), "/limits/memory", "256Mi"},
        {with(R"("limits":{"cpus":0})"), "/limits/cpus", "from 0.01 to 256"},
        {with(R"("limits":{"cpus":257})"), "/limits/cpus", "from 0.01 to 256"},
        {with(R"("limits":{"cpus":"1"})"), "/limits/cpus", "number"},
        {with(R"("limits":{"pids":2})"), "/limits/pids", "from 3 to 32768"},
        {with(R"("limits":{"pids":40000})"), "/limits/pids", "from 3 to 32768"},
        {with(R"("limits":{"files":1})"), "/limits/files", "from 16 to"},
        {with(R"("limits":{"files":16.5})"), "/limits/files", "whole number"},
        {with(R"("limits":{"tmp":"2Ti"})"), "/limits/tmp", "to 1Ti"},
        {with(R"("limits":{"timeout":0})"), "/limits/timeout", "from 1ms to 1d"},
        {with(R"("limits":{"timeout":"25h"})"), "/limits/timeout", "from 1ms to 1d"},
        {with(R"("limits":{"timeout":-3})"), "/limits/timeout", "30s"},
        {with(R"("limits":{"timeout":true})"), "/limits/timeout", "30s"},
        {with(R"("limits":{"timeout":"soon"})"), "/limits/timeout", "30s"},
        {with(R"("limits":{"request_body":"unlimited"})"), "/limits/request_body", "256Mi"},
        {with(R"("limits":{"response_body":"infinite"})"), "/limits/response_body", "256Mi"},
        {with(R"("limits":{"log_rate":"1Mi/m"})"), "/limits/log_rate", "1Mi/s"},
        {with(R"("limits":{"log_rate":"2Gi/s"})"), "/limits/log_rate", "1Gi/s"},
        {with(R"("scale":{"max":0})"), "/scale/max", "from 1 to 1000"},
        {with(R"("scale":{"max":1001})"), "/scale/max", "from 1 to 1000"},
        {with(R"("scale":{"queue":-1})"), "/scale/queue", "from 0"},
        {with(R"("scale":{"queue_timeout":"2d"})"), "/scale/queue_timeout", "to 1d"},
        {with(R"("scale":{"idle_timeout":"2d"})"), "/scale/idle_timeout", "to 1d"},
    });
}

TEST_CASE("a refusal quotes a long or broken text as valid UTF-8 and short", "[function]") {
    const auto spec = parse_resource(with(R"("network":")" + repeated("ü", 40) + "\""), "f");
    REQUIRE_FALSE(spec);
    const auto detail = spec.error().detail;
    CHECK(detail.size() < 250);
    CHECK(detail.find("ü") != std::string::npos);
}
