// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/folder/complaint.h>

#include <string_view>

namespace shallop::cli {

/// Why a command did not do what was asked: two lines for the one who typed it.
using folder::Complaint;
using folder::Done;
using folder::Result;

/// A refusal of the daemon in words: `body` is a problem document, or whatever came instead. `path`: what was asked for, where that tells which
/// command shows what there is.
Complaint complaint_from(long status, std::string_view body, std::string_view path = "");

/// Both lines to stderr; returns the exit status.
int report(const Complaint& complaint);

}  // namespace shallop::cli
