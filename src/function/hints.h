// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/function/spec.h>

#include <string>
#include <vector>

/// What an image tells of the way it is meant to be run, without being run.
namespace shallop::function {

/// The command line by the rules of `docker run IMAGE [COMMAND…]`: the image's ENTRYPOINT stays, a command takes the place of its CMD.
std::vector<std::string> command_line(const Spec& spec, const ImageFacts& image);

enum class ProgramKind {
    unknown,
    cgi,      ///< speaks CGI: one process for each event
    fastcgi,  ///< listens, but not for HTTP
    http,     ///< an HTTP server
};

/// The program behind shells, init programs and the like, as far as its name tells.
struct Program {
    std::string name;  ///< as a newcomer knows it: "php-cgi", "git http-backend"
    ProgramKind kind = ProgramKind::unknown;
};
Program find_program(const std::vector<std::string>& command_line);

/// A TCP port, and the sentence that says where it is from.
struct PortHint {
    int port = 0;  ///< 0 = none
    std::string because;
};

/// The variable PORT of the function, else of the image, as servers made for platforms read it.
PortHint port_of_variables(const Spec& spec, const ImageFacts& image);

/// The one TCP port that the image exposes, or the first of several that is usual for HTTP.
PortHint port_exposed(const ImageFacts& image);

bool exposes(const ImageFacts& image, int port);

/// The TCP ports that the image exposes, for a sentence: "4000/tcp and 5001/tcp"; "" if there are none.
std::string exposed_in_words(const ImageFacts& image);

}  // namespace shallop::function
