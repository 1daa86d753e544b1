// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

/// What hostile code in a container might try, as Perl; each prints what came of it. The numbers of the
/// system calls are x86-64's.
namespace shallop::test::hostile {

inline std::string perl(const std::string& code) {
    return "exec perl -MSocket -e '$| = 1; sub say_result { print \"$_[0]:\", ($_[1] == -1 ? \"refused\" : \"done\"), "
           "\"\\n\" } " +
           code + "'";
}

/// Every way to the shim's memory or descriptors.
inline const std::string reach_into_shim = perl(
    "say_result(\"ptrace\", syscall(101, 16, 1, 0, 0));"
    "say_result(\"seize\", syscall(101, 0x4206, 1, 0, 0));"
    "$p = syscall(434, 1, 0); for $fd (3 .. 8) { say_result(\"getfd\", syscall(438, $p, $fd, 0)) }"
    "$b = \"x\" x 8; $iov = pack(\"PQ\", $b, 8); $r = pack(\"QQ\", 0x400000, 8);"
    "say_result(\"vm\", syscall(310, 1, $iov, 1, $r, 1, 0));"
    "say_result(\"mem\", open($f, \"<\", \"/proc/1/mem\") ? 0 : -1);"
    "say_result(\"environ\", open($f, \"<\", \"/proc/1/environ\") && defined(readline $f) ? 0 : -1);"
    "say_result(\"fd\", defined(readlink \"/proc/1/fd/3\") ? 0 : -1);"
    "say_result(\"exe\", defined(readlink \"/proc/1/exe\") ? 0 : -1);");

inline const std::string connect_again = perl(
    "socket($s, AF_UNIX, 5, 0); say_result(\"connect\", connect($s, pack_sockaddr_un(\"/.shallop/s\")) ? 0 : "
    "-1);"
    "say_result(\"plant\", open($f, \">\", \"/.shallop/s\") ? 0 : -1);"
    "say_result(\"replace\", open($f, \"+<\", \"/.shallop/shim\") ? 0 : -1);");

/// Every signal to the shim, real-time ones with a lie about their sender included.
inline const std::string signal_shim = perl(
    "for (1 .. 64) { kill $_, 1 } for $n (1 .. 64) { $i = pack(\"lllxxxxlLx104\", $n, 0, -1, 0, 0); syscall(129, 1, "
    "$n, $i) } print \"done\";");

inline const std::string lower_shims_limits =
    perl("$l = pack(\"QQ\", 3, 3); say_result(\"prlimit\", syscall(302, 1, 7, $l, 0)); syscall(141, 0, 1, 19);");

/// Leaves descriptors in flight, as many as the kernel lets it.
inline const std::string flood_in_flight = perl(
    "socketpair(A, B, AF_UNIX, SOCK_STREAM, 0); $d = \"x\"; $iov = pack(\"PQ\", $d, 1);"
    "$c = pack(\"QlL\", 16 + 4 * 200, 1, 1) . pack(\"L*\", (fileno(A)) x 200); $m = pack(\"QQPQPQlx4\", 0, 0, $iov, 1, "
    "$c, length $c, 0);"
    "$n = 0; $n += 200 while syscall(46, fileno(A), $m, 0) == 1; print \"$n in flight\\n\"; sleep 1000;");

/// Stops whatever process appears, as fast as it can.
inline const std::string stop_newcomers =
    perl("$p = $$ + 1; while (1) { for ($p .. $p + 30) { $p = $_ + 1 if kill STOP, $_ } }");

}  // namespace shallop::test::hostile
