// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "function/strict_json.h"

#include <shallop/base/units.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shallop::function {

/// Keeps the first thing that was wrong with a document; the later ones are mostly its consequences.
class Problems {
public:
    void add(std::string pointer, std::string detail) {
        if (!first_) first_.emplace(base::Fault::invalid, std::move(detail), std::move(pointer));
    }
    const std::optional<base::Error>& first() const { return first_; }

private:
    std::optional<base::Error> first_;
};

/// Reads the members of one JSON object into what already holds their defaults. A member that is not there leaves the default; one of
/// the wrong kind or out of bounds is a problem at its pointer. finish() makes every member nobody asked for a problem.
///
/// Lives as long as the json it reads.
class Object {
public:
    Object(const Json& value, std::string pointer, Problems& problems);

    /// The member, or nullptr where it is absent. Asking makes the name known.
    const Json* find(std::string_view name);
    /// As find(); a null counts as absent.
    const Json* find_set(std::string_view name);

    void text(std::string_view name, std::string& into);
    /// null is the same as absent.
    void text_or_null(std::string_view name, std::string& into);
    void boolean(std::string_view name, bool& into);
    void integer(std::string_view name, int& into, int least, int most);
    void number(std::string_view name, double& into, double least, double most);
    /// "256Mi", or a number of bytes.
    void bytes(std::string_view name, base::Bytes& into, base::Bytes least, base::Bytes most);
    /// "30s", or a number of seconds; kept to the millisecond.
    void duration(std::string_view name, base::Duration& into, base::Duration least, base::Duration most);
    /// The index of the word in `words`, or nothing where it is absent or none of them.
    std::optional<std::size_t> word(std::string_view name, const std::vector<std::string_view>& words);

    /// The elements of an array of at most `most`; empty where it is absent.
    std::vector<const Json*> array(std::string_view name, std::size_t most);
    /// An array of texts.
    std::vector<std::string> texts(std::string_view name, std::size_t most);

    void problem(std::string_view name, std::string detail);
    Problems& problems() { return problems_; }
    std::string pointer(std::string_view name) const { return append_pointer(pointer_, name); }

    void finish();

private:
    const Json* value_;
    std::string pointer_;
    Problems& problems_;
    std::vector<std::string_view> known_;
};

/// A size of a document: a text or a number of bytes. Faults: invalid, without a pointer.
base::Result<base::Bytes> read_bytes(const Json& value);

/// `text` in quotes for a message, shortened.
std::string in_quotes(std::string_view text);

}  // namespace shallop::function
