// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/sqlite.h"

#include <shallop/store/events.h>

/// The columns that make an EventRow, of `events e`, in the order that event_row() reads.
#define EVENT_COLUMNS                                                                                           \
    "e.seq, e.id, e.function, e.state, e.attempts, e.interruptions, e.accepted, e.due, e.ended, e.keep_until, " \
    "e.bytes, e.http_status, e.origin, e.ordering_key, e.callback, e.fault, e.detail"

namespace shallop::store {

inline constexpr int event_columns = 17;

inline EventRow event_row(const Statement& row) {
    EventRow event;
    event.seq = row.number(0);
    event.id = row.text(1);
    event.function = row.text(2);
    event.state = static_cast<EventState>(row.number(3));
    event.attempts = static_cast<int>(row.number(4));
    event.interruptions = static_cast<int>(row.number(5));
    event.accepted = row.number(6);
    event.due = row.number(7);
    event.ended = row.number(8);
    event.keep_until = row.number(9);
    event.bytes = static_cast<base::Bytes>(row.number(10));
    event.http_status = static_cast<int>(row.number(11));
    event.origin = row.text(12);
    event.ordering_key = row.text(13);
    event.callback = row.text(14);
    event.fault = row.text(15);
    event.detail = row.text(16);
    return event;
}

}  // namespace shallop::store
