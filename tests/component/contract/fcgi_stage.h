// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "component/contract/http_stage.h"

#include <map>
#include <string>

namespace shallop::test {

using Scripts = std::map<std::string, std::string>;

/// php-fpm on port 9000 with these scripts below /tmp/www; `pool` is for its configuration.
inline std::vector<std::string> php_server(const Scripts& scripts, const std::string& pool) {
    std::string setup =
        "set -e; mkdir /tmp/www\ncat >/tmp/fpm.conf <<'END'\n[global]\nerror_log = /dev/stderr\n[www]\n" + pool +
        "\nEND\n";
    for (const auto& [name, text] : scripts) setup += "cat >/tmp/www/" + name + " <<'END'\n<?php " + text + "\nEND\n";
    setup += "exec /usr/sbin/php-fpm[0-9]* -n -d post_max_size=1G -d output_buffering=0 -F -O -y /tmp/fpm.conf";
    return {"sh", "-c", setup};
}

/// A server of raw bytes: python_server() that also has rec() (a record) and ask() (reads one request: its parameters and its body).
inline std::vector<std::string> fcgi_server(const std::string& serve) {
    return python_server(
        "    import struct\n"
        "    def rec(t, data=b'', i=1, v=1): return struct.pack('!BBHHBB', v, t, i, len(data), 0, 0) + data\n"
        "    def some(size):\n"
        "        data = b''\n"
        "        while len(data) < size:\n"
        "            got = c.recv(size - len(data))\n"
        "            if not got: raise EOFError\n"
        "            data += got\n"
        "        return data\n"
        "    def ask():\n"
        "        parts = {4: b'', 5: b''}\n"
        "        while True:\n"
        "            _, t, _, size, pad, _ = struct.unpack('!BBHHBB', some(8))\n"
        "            data = some(size + pad)[:size]\n"
        "            if t in parts: parts[t] += data\n"
        "            if t == 5 and not data: return parts[4], parts[5]\n"
        "    page = b'Content-Type: text/plain\\r\\n\\r\\n'\n"
        "    end = rec(3, bytes(8))\n" +
        serve);
}

/// A FastCGI function in a sandbox.
class FcgiStage : public HttpStage {
public:
    explicit FcgiStage(std::vector<std::string> command, int port = 9000) : HttpStage(std::move(command), 65534) {
        auto& contract = function.spec.contract;
        contract.kind = function::ContractKind::fcgi;
        contract.port = port;
        contract.root = "/tmp/www";
        contract.index = "index.php";
    }

    /// GET of `target`, which is all path.
    Visit asking(const std::string& target) {
        auto one = visit();
        one.event.target = one.event.path_info = target;
        return one;
    }

    std::string ask(const std::string& target) {
        auto one = asking(target);
        return told(one, run(one));
    }

    static std::string told(Visit& one, const base::Result<contract::Outcome>& outcome) {
        if (!outcome) return std::string(base::name(outcome.error().fault)) + ": " + outcome.error().detail;
        return one.sink.body + (outcome->reply_incomplete ? " incomplete: " + outcome->incomplete_reason : "");
    }
};

/// php-fpm in one.
class PhpStage : public FcgiStage {
public:
    explicit PhpStage(const Scripts& scripts,
                      const std::string& pool = "listen = 127.0.0.1:9000\npm = static\npm.max_children = 2")
        : FcgiStage(php_server(scripts, pool)) {}
};

}  // namespace shallop::test
