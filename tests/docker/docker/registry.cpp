// SPDX-License-Identifier: Apache-2.0
#include "registry.h"

#include <shallop/base/result.h>

#include "docker/target.h"
#include "support/http_relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fstream>
#include <sstream>

namespace shallop::test {
namespace {

/// sha256sum of data/registry/manifest.json.
constexpr const char* manifest_digest = "sha256:70054deb29041d90070ca9c659be9a01896ab31790b21d2cff15927fabfc560f";
constexpr const char* manifest_type = "application/vnd.docker.distribution.manifest.v2+json";

std::string file(const std::string& name) {
    std::ifstream from(SHALLOP_SOURCE_DIR "/tests/docker/docker/data/registry/" + name, std::ios::binary);
    std::ostringstream text;
    text << from.rdbuf();
    base::ensure(!text.str().empty(), "the registry's image is there");
    return text.str();
}

/// "sha256:…" of `key`'s n-th occurrence in a manifest.
std::string digest_after(const std::string& manifest, const std::string& key) {
    const auto at = manifest.find("sha256:", manifest.find(key));
    return manifest.substr(at, 7 + 64);
}

std::string reply(const std::string& status, const std::string& type, const std::string& body,
                  const std::string& more = "") {
    return "HTTP/1.1 " + status + "\r\nDocker-Distribution-Api-Version: registry/2.0\r\nConnection: close\r\n" + more +
           "Content-Type: " + type + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

Registry::Registry() {
    const std::string manifest = file("manifest.json");
    blobs_["/manifests/1"] = {manifest_type, manifest};
    blobs_[std::string("/manifests/") + manifest_digest] = {manifest_type, manifest};
    blobs_["/blobs/" + digest_after(manifest, "\"config\"")] = {"application/octet-stream", file("config.json")};
    blobs_["/blobs/" + digest_after(manifest, "\"layers\"")] = {"application/octet-stream", file("layer.tar.gz")};
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    base::ensure(::bind(listener_.get(), any, size) == 0 && ::listen(listener_.get(), 64) == 0, "the registry listens");
    ::getsockname(listener_.get(), any, &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
}

Registry::~Registry() {
    stopping_ = true;
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
}

void Registry::serve() {
    while (!stopping_) {
        const base::Fd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (client) answer(client.get());
    }
}

void Registry::answer(int fd) const {
    Wire wire{fd, ""};
    const std::string head = wire.head();
    if (head.empty()) return;
    std::string whole = reply_to(head);
    if (head.starts_with("HEAD ")) whole.resize(whole.find("\r\n\r\n") + 4);
    wire.send(whole);
    ::shutdown(fd, SHUT_WR);
    wire.more();  // until the engine has it
}

std::string Registry::reply_to(const std::string& head) const {
    std::string pair;
    const std::string given = field(head, "Authorization");
    const bool known =
        given.starts_with("Basic ") && docker::base64_decode(given.substr(6), pair) && pair == "me:secret";
    if (!known) {
        return reply("401 Unauthorized", "application/json",
                     R"({"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]})",
                     "WWW-Authenticate: Basic realm=\"test\"\r\n");
    }
    const auto first = head.find(' ');
    const std::string path = head.substr(first + 1, head.find(' ', first + 1) - first - 1);
    if (path == "/v2/") return reply("200 OK", "application/json", "{}");
    constexpr std::string_view image = "/v2/hello";
    const auto found = path.starts_with(image) ? blobs_.find(path.substr(image.size())) : blobs_.end();
    if (found != blobs_.end()) return reply("200 OK", found->second.type, found->second.content);
    return reply("404 Not Found", "application/json",
                 R"({"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]})");
}

}  // namespace shallop::test
