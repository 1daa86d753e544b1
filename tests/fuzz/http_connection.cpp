// SPDX-License-Identifier: Apache-2.0
// A connection fed with the input, then half-closed: it must end, and whatever it says must be replies.
#include <shallop/async/task_group.h>
#include <shallop/base/result.h>

#include <http/connection.h>

#include <boost/asio/io_context.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace shallop;

namespace {

/// Reads the body and answers with its size.
class Counter final : public http::Handler {
public:
    async::Task<void> handle(http::Exchange& exchange) override {
        char buffer[64];
        std::size_t total = 0;
        const std::span<char> into(buffer);
        while (true) {
            const auto count = co_await exchange.read(into);
            if (!count) co_return;
            if (*count == 0) break;
            total += *count;
        }
        http::Response head;
        std::string body = std::to_string(total);
        (void)co_await exchange.reply(std::move(head), std::move(body));
    }
};

std::string all_of(int fd) {
    std::string bytes;
    char buffer[4096];
    for (ssize_t count = 0; (count = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT)) > 0;)
        bytes.append(buffer, static_cast<std::size_t>(count));
    return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static base::Log quiet(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    static async::SteadyClock clock;
    if (size > 60'000) return 0;
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) return 0;
    const base::Fd client(pair[0]);
    Counter handler;
    boost::asio::io_context context(1);
    http::Shared shared{{}, clock, quiet, handler, context.get_executor(), http::Roster(context.get_executor()),
                        {}, false};
    async::TaskGroup group(context.get_executor(), quiet);
    group.spawn_cancellable("connection", [&](async::Canceller& task) {
        return http::serve_connection(shared, task, base::Fd(pair[1]), http::Ends{AF_UNIX, "", 0, 0});
    });
    (void)!::send(client.get(), data, size, MSG_NOSIGNAL);
    ::shutdown(client.get(), SHUT_WR);
    std::string said;
    for (int i = 0; i < 100'000 && group.size() > 0; ++i) {
        context.restart();
        context.poll();
        if (i % 8 == 7) shared.roster.sweep(clock.now());  // as a listener does: it finds who has hung up
        said += all_of(client.get());
    }
    base::ensure(group.size() == 0, "a connection whose client is done ends");
    base::ensure(said.empty() || said.starts_with("HTTP/1.1 "), "all that is said is replies");
    return 0;
}
