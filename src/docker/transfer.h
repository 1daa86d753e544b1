// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "docker/reactor.h"
#include "docker/target.h"

#include <shallop/async/condition.h>
#include <shallop/base/result.h>

#include <array>
#include <string>
#include <vector>

namespace shallop::docker {

struct Request {
    const char* method = "GET";             ///< GET, POST or DELETE
    std::string target;                     ///< path and query
    std::string body;                       ///< for POST
    std::string registry_auth;              ///< value of X-Registry-Auth; "" = not sent
    const char* type = "application/json";  ///< of the body
};

/// libcurl's easy handles for one engine, reused: at most `kept` lie idle. Outlives its Transfers.
class Handles {
public:
    Handles(Host host, async::Executor executor, std::size_t kept);
    Handles(const Handles&) = delete;
    Handles& operator=(const Handles&) = delete;
    ~Handles();

    CURL* take();
    void give_back(CURL* easy);

    Reactor& reactor() { return reactor_; }
    const Host& host() const { return host_; }
    async::Executor executor() const { return executor_; }

private:
    Host host_;
    async::Executor executor_;
    std::size_t kept_;
    curl_slist* headers_;
    std::vector<CURL*> idle_;
    Reactor reactor_;
};

/// One HTTP exchange with the engine, from its making to its destruction: destroying it early takes it off the wire, with its connection.
/// A POST is never sent twice: where a kept connection broke under it, it fails, as nobody knows whether it was done.
class Transfer final : private Ending {
public:
    Transfer(Handles& handles, Request request);
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;
    ~Transfer();

    /// Waits for the reply's head. Faults: engine_down.
    async::Task<base::Status> head();

    /// Waits for more of the body; false at its end. At most 256 KiB is read ahead. Faults: engine_down, where it broke off.
    async::Task<base::Result<bool>> read(std::string& chunk);

    int status() const { return status_; }

    /// Whether the reply was read to its end.
    bool complete() const { return ended_ && code_ == CURLE_OK; }

private:
    static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
    static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
    static int on_send(void* self, char*, char*, int, int);

    void set_up();
    void ended(CURLcode code) override;
    base::Error failure() const;

    Handles& handles_;
    const Request request_;
    const std::string url_;
    CURL* easy_;
    curl_slist* headers_ = nullptr;  ///< of this request alone
    async::Condition changed_;
    std::string received_;
    std::array<char, CURL_ERROR_SIZE> words_{};
    CURLcode code_ = CURLE_OK;
    int status_ = 0;
    int sent_ = 0;  ///< how often the request was about to be written to a connection
    bool head_ = false;
    bool ended_ = false;
    bool paused_ = false;
};

}  // namespace shallop::docker
