// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "cli/server.h"

namespace shallop::cli {

/// While it lives, what is built for a function (its packages, its runtime) is told on stderr, line by line. A deploy that is quickly done tells nothing.
class BuildWords {
public:
    BuildWords(Server server, std::string function);
    BuildWords(const BuildWords&) = delete;
    BuildWords& operator=(const BuildWords&) = delete;
    ~BuildWords();

private:
    void run();
    bool pause(int milliseconds);

    Server server_;
    std::string function_;
    std::atomic<bool> stop_{false};
    std::mutex mutex_;
    std::condition_variable stopped_;
    std::thread thread_;  // last: it uses what is above
};

}  // namespace shallop::cli
