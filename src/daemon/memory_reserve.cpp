// SPDX-License-Identifier: Apache-2.0
#include "daemon/memory_reserve.h"

#include <malloc.h>
#include <sys/mman.h>

#include <atomic>
#include <new>

namespace shallop::daemon {
namespace {

// A new-handler has no arguments.
std::atomic<void*> held = nullptr;
std::size_t held_size = 0;

void give_up() {
    void* const reserve = held.exchange(nullptr);
    if (reserve == nullptr) throw std::bad_alloc();
    ::munmap(reserve, held_size);
}

}  // namespace

MemoryReserve::MemoryReserve(base::Bytes size) {
    held_size = static_cast<std::size_t>(size);
    restore();
    std::set_new_handler(give_up);
}

MemoryReserve::~MemoryReserve() {
    std::set_new_handler(nullptr);
    if (void* const reserve = held.exchange(nullptr)) ::munmap(reserve, held_size);
}

bool MemoryReserve::given_up() const { return held.load() == nullptr; }

bool MemoryReserve::restore() {
    if (!given_up()) return true;
    ::malloc_trim(0);
    void* const reserve = ::mmap(nullptr, held_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (reserve == MAP_FAILED) return false;  // NOLINT(performance-no-int-to-ptr): the macro's own
    held = reserve;
    return true;
}

}  // namespace shallop::daemon
