// SPDX-License-Identifier: Apache-2.0
#include "codec.h"

#include <cerrno>
#include <system_error>

namespace shallop::shim {

using base::Error;
using base::Fault;
using wire::Step;

namespace {

std::string words_of(int error) { return std::generic_category().message(error); }

/// Why the kernel did not run a program that was found, or why none was found.
std::string explain_program(const Failed& failed, const std::string& name) {
    const bool searched = name.find('/') == std::string::npos;
    switch (failed.error) {
        case ENOENT:
        case ENOTDIR:
            return "no such file: " + name + (searched ? " (looked in PATH " + failed.where + ")" : "");
        case EACCES:
            return "not an executable file: " + name + (searched ? " (looked in PATH " + failed.where + ")" : "");
        case ENOEXEC:
            return "exec format error: " + name + " (a script without #!, or a program for another machine)";
        case E2BIG:
            return "the command with its environment is larger than the kernel takes";
        default:
            return "cannot run " + name + ": " + words_of(failed.error);
    }
}

Error explain_request(const Failed& failed, const std::string& name) {
    switch (failed.error) {
        case EINVAL:
            return {Fault::invalid, "not an address inside the container: " + name};
        case EAGAIN:
            return {Fault::overloaded, "the container's shim has as many open requests as it takes"};
        case EMFILE:
            return {Fault::overloaded, "the container's shim could not take the descriptors"};
        case E2BIG:
            return {Fault::too_large, "more than 4096 words in the command and its environment"};
        case ECANCELED:
            return {Fault::launch_failed, "the container is being stopped"};
        default:
            return {Fault::internal, "the shim refused the request: " + words_of(failed.error)};
    }
}

}  // namespace

Error explain(const Failed& failed, std::string_view subject) {
    const std::string name = failed.what.empty() ? std::string(subject) : failed.what;
    switch (failed.step) {
        case Step::request:
            return explain_request(failed, name);
        case Step::fork:
            if (failed.error == EAGAIN) return {Fault::launch_failed, "no process to be had: limits.pids is reached"};
            return {Fault::launch_failed, "no process to be had: " + words_of(failed.error)};
        case Step::cwd:
            return {Fault::launch_failed, "cannot enter the working directory " + name + ": " + words_of(failed.error)};
        case Step::command:
            return {Fault::launch_failed, "the image has no command, and none was given"};
        case Step::interpreter:
            return {Fault::launch_failed,
                    "the interpreter of " + name + " is missing (what its #! line or its ELF header names)"};
        case Step::program:
            return {Fault::launch_failed, explain_program(failed, name)};
        case Step::connect:
            if (failed.error == ETIMEDOUT || failed.error == EAGAIN)
                return {Fault::timed_out, "connecting to " + name + " took too long"};
            return {Fault::function_failed, "cannot connect to " + name + ": " + words_of(failed.error)};
        case Step::listen:
            return {Fault::function_failed, "cannot listen on " + name + ": " + words_of(failed.error)};
        case Step::descriptor:
            return {Fault::overloaded,
                    "the kernel did not pass the socket of " + name + " out: " + words_of(failed.error)};
        case Step::file:
            return {Fault::function_failed, "cannot write the file " + name + ": " + words_of(failed.error)};
    }
    return {Fault::internal, "the shim failed in an unknown step"};
}

}  // namespace shallop::shim
