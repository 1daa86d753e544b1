// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/fd.h>

#include <atomic>
#include <map>
#include <string>
#include <thread>

namespace shallop::test {

/// A registry on a port of 127.0.0.1 with one image, "hello:1" (data/registry), for whoever gives `me` and `secret`.
/// It speaks as much of the OCI distribution protocol as a pull needs, to real engines.
class Registry {
public:
    Registry();
    Registry(const Registry&) = delete;
    Registry& operator=(const Registry&) = delete;
    ~Registry();

    std::string name() const { return "localhost:" + std::to_string(port_); }

private:
    struct Blob {
        std::string type, content;
    };
    void serve();
    void answer(int fd) const;
    std::string reply_to(const std::string& head) const;

    std::map<std::string, Blob> blobs_;  ///< by the end of the path
    base::Fd listener_;
    int port_ = 0;
    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

}  // namespace shallop::test
