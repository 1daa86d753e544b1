// SPDX-License-Identifier: Apache-2.0
#include "functions.h"

// ThreadSanitizer brings an operator new of its own, beside which there can be no other; one counter of allocations is enough.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SHALLOP_COUNTS_NO_ALLOCATIONS
#endif
#endif
#if !defined(SHALLOP_COUNTS_NO_ALLOCATIONS) && !defined(__SANITIZE_THREAD__)

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <new>

using namespace shallop;
using namespace shallop::tests;

namespace {

std::size_t allocations = 0;

}  // namespace

// All of this program's: there is no other way to see that nothing is allocated.
void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

TEST_CASE("the warm path allocates nothing and orders nothing", "[pool]") {
    for (const std::string keep_alive : {"fixed", "learned"}) {
        Stage stage;
        const auto f =
            function_of("a-function-with-a-name-of-some-length", {.concurrency = 4, .keep_alive = keep_alive});
        stage.ledger.deploy(f, stage.now);
        const auto slot = stage.warm(f);
        REQUIRE(slot != 0);
        REQUIRE(stage.retired().empty());
        const auto before = allocations;
        bool granted = true;
        for (int i = 0; i < 1000; ++i) {
            stage.now += 1ms;
            const auto first = stage.ledger.ask(f, stage.now);
            const auto second = stage.ledger.ask(f, stage.now);
            granted = granted && first && first->grant && second && second->grant;
            stage.now += 1ms;
            stage.ledger.give_back(slot, true, stage.now);
            stage.ledger.give_back(slot, true, stage.now);
        }
        CHECK(allocations == before);
        CHECK(granted);
        CHECK_FALSE(stage.ledger.has_orders());
        stage.ledger.check();
    }
}

#endif
