// SPDX-License-Identifier: Apache-2.0
#include <shallop/cli/cli.h>
#include <shallop/daemon/serve.h>

#include <string>
#include <vector>

int main(int argc, char** argv) {
    const std::vector<std::string> args(argv + 1, argv + argc);
    if (!args.empty() && args.front() == "serve") return shallop::daemon::serve(std::span(args).subspan(1));
    return shallop::cli::run(args);
}
