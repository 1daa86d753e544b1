// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cli/complaint.h"

namespace shallop::cli {

/// For what cannot be had back: a person at a terminal is asked `question`, a program must have said --yes.
/// `doing` begins the complaint where nobody can be asked, and `undone` is the one after a no.
Done confirm(const std::string& question, const std::string& doing, const std::string& undone);

/// Whether there is a person to ask.
bool at_terminal();

/// The same of a person who is there.
Done ask(const std::string& question, const std::string& undone);

}  // namespace shallop::cli
