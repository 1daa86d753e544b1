// SPDX-License-Identifier: Apache-2.0
#include "contract/specialize.h"

#include <shallop/function/resource.h>

#include <algorithm>

namespace shallop::contract {

using base::Error;
using base::Fault;
using base::Status;

namespace {

constexpr const char* specialize_path = "/.shallop/specialize";

class Text final : public function::BodySource {
public:
    explicit Text(std::string_view text) : left_(text) {}
    Task<Result<std::size_t>> read(std::span<char> into) override {
        const auto size = std::min(into.size(), left_.size());
        std::copy_n(left_.begin(), size, into.begin());
        left_.remove_prefix(size);
        co_return size;
    }

private:
    std::string_view left_;
};

/// Keeps a short answer; more than that is dropped.
class TextSink final : public function::ReplySink {
public:
    Task<Status> begin(function::ReplyHead head) override {
        status = head.status;
        co_return Status();
    }
    Task<Status> write(std::span<const char> bytes) override {
        text.append(bytes.data(), std::min(bytes.size(), most - std::min(most, text.size())));
        co_return Status();
    }
    bool begun() const override { return status != 0; }

    int status = 0;
    std::string text;

private:
    static constexpr std::size_t most = 64 * 1024;
};

}  // namespace

Task<Result<function::Announced>> specialize(Driver& driver, const function::Function& function, Instant deadline) {
    const auto document = function::format_specialize(function);
    function::Event event;
    event.method = "POST";
    event.target = specialize_path;
    event.fields = {{"Host", "localhost"}, {"Content-Type", "application/json"}};
    event.remote_addr = "127.0.0.1";
    event.content_length = document.size();
    Text body(document);
    TextSink sink;
    Call call{event, body, sink, deadline};
    const auto outcome = co_await driver.exchange(call);
    if (!outcome) co_return outcome.error();
    if (outcome->reply_incomplete || sink.status == 0)
        co_return Error(Fault::function_failed, "the runtime gave no whole answer when it got the code");
    if (sink.status >= 300) co_return function::specialize_error(sink.text);
    co_return function::parse_announced(sink.text);
}

}  // namespace shallop::contract
