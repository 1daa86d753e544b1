// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/async/race.h>
#include <shallop/http/listener.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>

#include <fcntl.h>
#include <atomic>
#include <functional>
#include <future>
#include <thread>

namespace shallop::test {

/// A listener on a loop in a thread of its own, so that a test can talk to it with plain blocking sockets.
class Server {
public:
    explicit Server(http::Handler& handler, http::Limits limits = {}, const std::string& address = "127.0.0.1:0",
                    std::shared_ptr<const http::Tls> tls = nullptr)
        : log_(null_), listener_(context_.get_executor(), clock_, log_, handler, limits) {
        const auto bound = listener_.bind(address);
        if (!bound) throw std::runtime_error(bound.error().detail);
        listener_.on_refused([this](const char* word) {
            ++refused;
            last_refused = word;
        });
        listener_.under([this] { return pressure.load(); });
        listener_.secure(std::move(tls));
        boost::asio::co_spawn(context_, listener_.run(), boost::asio::detached);
        thread_ = std::thread([this] { context_.run(); });
    }
    ~Server() {
        drain(std::chrono::seconds(0)).wait();
        work_.reset();
        thread_.join();
        ::close(null_);
    }

    std::string address() const { return listener_.address(); }
    async::Clock& clock() { return clock_; }

    /// Starts the drain; ready when it has ended.
    std::future<void> drain(async::Duration grace) {
        return boost::asio::co_spawn(context_, listener_.drain(clock_.now() + grace), boost::asio::use_future);
    }

    std::atomic<int> refused{0};  ///< requests and connections the handler never saw
    std::atomic<http::Pressure> pressure{http::Pressure::none};
    std::atomic<const char*> last_refused{""};

    /// The certificate of connections from now on.
    void secure(std::shared_ptr<const http::Tls> tls) {
        std::promise<void> done;
        boost::asio::post(context_, [&] {
            listener_.secure(std::move(tls));
            done.set_value();
        });
        done.get_future().wait();
    }

    std::size_t connections() {
        std::promise<std::size_t> count;
        boost::asio::post(context_, [&] { count.set_value(listener_.connections()); });
        return count.get_future().get();
    }

private:
    int null_ = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    base::Log log_;
    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<async::Executor> work_{context_.get_executor()};
    async::SteadyClock clock_;
    http::Listener listener_;
    std::thread thread_;
};

}  // namespace shallop::test
