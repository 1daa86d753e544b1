// SPDX-License-Identifier: Apache-2.0
#include "cli/build_words.h"

#include <chrono>
#include <cstdio>

#include "cli/log_lines.h"
#include "cli/rest.h"

namespace shallop::cli {
namespace {

constexpr int begin_ms = 1500;  ///< most deploys have nothing to build, and are done before
constexpr int again_ms = 500;

}  // namespace

BuildWords::BuildWords(Server server, std::string function)
    : server_(std::move(server)), function_(std::move(function)), thread_([this] { run(); }) {}

BuildWords::~BuildWords() {
    {
        const std::lock_guard mine(mutex_);
        stop_ = true;
    }
    stopped_.notify_all();
    thread_.join();
}

/// False where this is to end.
bool BuildWords::pause(int milliseconds) {
    std::unique_lock mine(mutex_);
    return !stopped_.wait_for(mine, std::chrono::milliseconds(milliseconds), [this] { return stop_.load(); });
}

void BuildWords::run() {
    const auto began = std::chrono::steady_clock::now();
    Rest rest(server_);
    LogLines lines([](std::string_view object) {
        const auto line = log_line(object);
        if (line.stream == "build") std::fprintf(stderr, "%s\n", line.text.c_str());
    });
    for (bool going = pause(begin_ms); going; going = pause(again_ms)) {
        Request request;
        const auto ago = std::chrono::ceil<std::chrono::seconds>(std::chrono::steady_clock::now() - began).count();
        request.path =
            "/v1/functions/" + percent_encoded(function_) + "/logs?follow=true&since=" + std::to_string(ago) + "s";
        request.stop = &stop_;
        bool followed = false;
        request.choose_sink = [&](const Head& head) -> std::function<void(std::string_view)> {
            if (head.status != 200) return {};
            followed = true;
            return [&](std::string_view piece) { lines.add(piece); };
        };
        // A function that is not there yet and has nothing built is a 404: there may be something a moment later.
        [[maybe_unused]] const auto ended = rest.call(request);
        if (followed) return;
    }
}

}  // namespace shallop::cli
