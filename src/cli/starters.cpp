// SPDX-License-Identifier: Apache-2.0
#include "cli/starters.h"

namespace shallop::cli {
namespace {

constexpr std::string_view python =
    R"(# Called for each event. event has "method", "path", "query", "headers", "body" and "id"; what is returned
# is the answer: a text, something that becomes JSON, or {"status": …, "headers": {…}, "body": …}.
def handler(event):
    name = event["query"].get("name", "world")
    return f"Hello, {name}!\n"
)";

constexpr std::string_view node =
    R"(// Called for each event. event has method, path, query, headers, body and id; what is returned is the
// answer: a text, something that becomes JSON, or { status: …, headers: {…}, body: … }.
exports.handler = async (event) => {
  const name = event.query.name ?? 'world';
  return `Hello, ${name}!\n`;
};
)";

constexpr std::string_view php = R"(<?php
// Run for each event; what it prints is the answer.
header('Content-Type: text/plain; charset=utf-8');
$name = $_GET['name'] ?? 'world';
echo "Hello, {$name}!\n";
)";

constexpr std::string_view ruby =
    R"(# Called for each event. event has "method", "path", "query", "headers", "body" and "id"; what is returned
# is the answer: a text, something that becomes JSON, or {"status" => …, "headers" => {…}, "body" => …}.
def handler(event)
  name = event["query"].fetch("name", "world")
  "Hello, #{name}!\n"
end
)";

constexpr std::string_view perl =
    R"(# Called for each event. $event has method, path, query, headers, body and id; what is returned is the
# answer: a text, something that becomes JSON, or { status => …, headers => {…}, body => … }.
use strict;
use warnings;

sub handler {
    my ($event) = @_;
    my $name = $event->{query}{name} // 'world';
    return "Hello, $name!\n";
}

1;
)";

constexpr std::string_view bash = R"(#!/bin/bash
# Run for each event, with the variables of CGI and the request's body as standard input; what it prints
# is the answer.
name=world
[[ $QUERY_STRING =~ (^|&)name=([A-Za-z0-9._-]+) ]] && name=${BASH_REMATCH[2]}
echo "Hello, $name!"
)";

constexpr std::array<Starter, 6> table{{
    {"python", "a handler function", "main.py", python},
    {"node", "a handler function", "main.js", node},
    {"php", "a script", "main.php", php},
    {"ruby", "a handler function", "main.rb", ruby},
    {"perl", "a handler function", "main.pl", perl},
    {"bash", "a script", "main.sh", bash},
}};

}  // namespace

std::span<const Starter> starters() { return table; }

}  // namespace shallop::cli
