// SPDX-License-Identifier: Apache-2.0
#include "cli/confirm.h"

#include <unistd.h>

#include <cstdio>
#include <iostream>

namespace shallop::cli {

Done confirm(const std::string& question, const std::string& doing, const std::string& undone) {
    if (at_terminal()) return ask(question, undone);
    return Complaint{doing + " cannot be undone", "say that it is meant: --yes", 2};
}

bool at_terminal() { return ::isatty(STDIN_FILENO) != 0; }

Done ask(const std::string& question, const std::string& undone) {
    std::fprintf(stderr, "%s [y/N] ", question.c_str());
    std::string answer;
    std::getline(std::cin, answer);
    if (answer == "y" || answer == "Y" || answer == "yes") return {};
    return Complaint{undone, ""};
}

}  // namespace shallop::cli
