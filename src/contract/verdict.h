// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/contract/driver.h>

#include <optional>
#include <string>

namespace shallop::contract {

/// Why a reply is not what it should be, as far as the instance is concerned.
enum class Trouble {
    none,
    closed,   ///< the server has closed or reset the connection
    late,     ///< the deadline has passed, and it was the server that was waited for
    garbage,  ///< what came is no reply
    other,    ///< the client's doing
};

/// What comes of one exchange with a server, above all where it does not go as it should. Outlived by its call.
///
/// Before the client has the head an answer can still say what happened; after it only a cut can.
class Verdict {
public:
    Verdict(Call& call, const Surroundings& around) : call_(call), around_(around) {}

    // Each is false, for `co_return verdict.fail(…)`.
    bool fail(Trouble trouble, base::Fault fault, std::string detail);
    /// A receive that failed or came to the end. `for_client`: the client was waited for at the same time; `silent`: nothing of a reply is here.
    bool fail_receive(const Result<std::size_t>& received, bool for_client, bool silent);
    /// What the client's side, or its body, said.
    bool fail_client(const base::Error& error);

    /// Says of the instance what the client, who has his whole reply, needs not know.
    void note(Trouble trouble) { trouble_ = trouble; }

    Trouble trouble() const { return trouble_; }
    Outcome& outcome() { return outcome_; }
    Result<Outcome> take();

private:
    Call& call_;
    const Surroundings& around_;
    std::optional<base::Error> error_;
    Trouble trouble_ = Trouble::none;
    Outcome outcome_;
};

}  // namespace shallop::contract
