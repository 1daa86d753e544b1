// SPDX-License-Identifier: Apache-2.0
#include "filter.h"

#include "link.h"

#include <errno.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

namespace shallop::shim {
namespace {

// As <linux/filter.h>, <linux/seccomp.h> and <linux/audit.h> have them: the C library that this is linked with brings no headers of the kernel.
struct Instruction {
    uint16_t code;
    uint8_t if_true, if_false;
    uint32_t value;
};
struct Program {
    uint16_t length;
    const Instruction* instructions;
};
enum : uint16_t { load = 0x20, mask = 0x54, equal = 0x15, greater = 0x25, greater_or_equal = 0x35, give = 0x06 };
enum : uint32_t { number_at = 0, kind_at = 4, first_argument_at = 16 };
enum : uint32_t { allowed = 0x7fff0000, refused = 0x00050000 | EPERM };
constexpr int filter_mode = 2;

/// The kinds of programs that a kernel runs: its own, and 32-bit ones of the same family, whose numbers <sys/syscall.h> does not have.
#if defined(__x86_64__)
constexpr uint32_t native = 0xc000003e, other = 0x40000003, other_socket = 359, other_socketcall = 102;
#elif defined(__aarch64__)
constexpr uint32_t native = 0xc00000b7, other = 0x40000028, other_socket = 281, other_socketcall = ~0U;
#else
#error "the numbers of this architecture's system calls are not known here"
#endif
constexpr uint32_t x32_bit = 0x40000000;
constexpr uint32_t first_io_uring = 425, last_io_uring = 427;  // on each architecture
constexpr uint32_t vsock_family = 40;
constexpr uint32_t call_is_socket = 1;  // of socketcall(), whose other arguments a filter cannot read

enum Line : uint8_t { another_call = 4, other_kind = 9, other_call = 12, family = 15, allow = 17, refuse = 18 };

/// A jump counts the instructions that it passes over.
constexpr uint8_t past(int from, Line to) { return static_cast<uint8_t>(to - from - 1); }

constexpr Instruction program[] = {
    /*  0 */ {load, 0, 0, number_at},
    /*  1 */ {mask, 0, 0, ~x32_bit},
    /*  2 */ {greater_or_equal, 0, past(2, another_call), first_io_uring},
    /*  3 */ {greater, past(3, another_call), past(3, refuse), last_io_uring},
    /*  4 */ {load, 0, 0, kind_at},
    /*  5 */ {equal, 0, past(5, other_kind), native},
    /*  6 */ {load, 0, 0, number_at},
    /*  7 */ {mask, 0, 0, ~x32_bit},
    /*  8 */ {equal, past(8, family), past(8, allow), SYS_socket},
    /*  9 */ {equal, 0, past(9, refuse), other},
    /* 10 */ {load, 0, 0, number_at},
    /* 11 */ {equal, past(11, family), past(11, other_call), other_socket},
    /* 12 */ {equal, 0, past(12, allow), other_socketcall},
    /* 13 */ {load, 0, 0, first_argument_at},
    /* 14 */ {equal, past(14, refuse), past(14, allow), call_is_socket},
    /* 15 */ {load, 0, 0, first_argument_at},
    /* 16 */ {equal, past(16, refuse), past(16, allow), vsock_family},
    /* 17 */ {give, 0, 0, allowed},
    /* 18 */ {give, 0, 0, refused},
};
static_assert(sizeof program / sizeof *program == refuse + 1);

}  // namespace

void refuse_odd_calls() {
    const Program filter = {sizeof program / sizeof *program, program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) die("cannot give up new privileges");
    if (prctl(PR_SET_SECCOMP, filter_mode, &filter) != 0 && errno != EINVAL)
        die("the kernel takes no filter of system calls");
}

}  // namespace shallop::shim
