// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/queue/queue.h>

/// What is sent when an event has ended: pure, but for append_line().
namespace shallop::queue {

/// The method of a delivery to a file; its target is the file's name.
inline constexpr const char* to_file = "FILE";

/// An event that has ended, and how.
struct End {
    const store::EventRow& row;
    const function::Event& event;
    const store::Payload& payload;
    const store::KeptReply& reply;
    const store::Ending& ending;
};

/// For how many destinations in a row this event is the outcome of another.
int hops_of(const function::Event& event);

/// A CloudEvent 1.0 in HTTP's binary mode, of the type org.shallop.invocation.succeeded or .failed, whose data is a JSON document of the request and the
/// outcome. Bodies in it that are not UTF-8 are in base64; those that are in files are left out.
Order to_destination(const End& end, const function::Destination& to);

/// The reply itself, as the function gave it, with X-Shallop-… fields that say whose it is.
Order to_callback(const End& end, const std::string& url);

/// A line more in a file below the data directory, which is on the disk when it returns. Blocking. Faults: storage.
Status append_line(const std::string& path, std::string line);

}  // namespace shallop::queue
