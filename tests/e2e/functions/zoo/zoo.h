// SPDX-License-Identifier: Apache-2.0
// A function that does harm: tests/e2e/test_zoo.py and test_escape.py say by name what it is to do.
#pragma once

#include <stddef.h>

enum { longest_report = 8 * 1024 };

/// What it does to whoever reads its reply. `fd` is the connection; of a CGI program its standard output.
struct reply {
    const char* name;
    void (*send)(int fd);
};
extern const struct reply http_replies[];
extern const struct reply cgi_replies[];

/// What it does to the machine, or tries. Fills `report` with words of what came of it.
struct deed {
    const char* name;
    void (*run)(char* report);
};
extern const struct deed harms[];   // uses up what there is
extern const struct deed probes[];  // tries to reach what is not its own

int say(int fd, const char* text);
int say_bytes(int fd, const void* bytes, size_t size);
/// Says it again and again until nobody listens.
void say_for_ever(int fd, const char* text);
_Noreturn void stay(void);
/// Appends "NAME: ok" or "NAME: ERRNO" for a result of a system call; returns whether it succeeded.
int note(char* report, const char* name, long result);
void notef(char* report, const char* format, ...);

/// Leaves a file, shared memory and a variable behind, and looks for them.
void leave_mark(char* report);
void find_mark(char* report);
/// A child dies of SIGSEGV: says whether the kernel dumped it.
void crash(char* report);
/// Tries the calls of 32-bit programs.
void old_calls(char* report);
