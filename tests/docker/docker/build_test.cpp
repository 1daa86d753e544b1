// SPDX-License-Identifier: Apache-2.0
#include "lab.h"

#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <cstdio>

using namespace shallop;
using base::Fault;
using Catch::Matchers::ContainsSubstring;
using test::Lab;

namespace {

/// A tar of one file, by POSIX's ustar.
std::string tar_of(const std::string& name, const std::string& text) {
    std::string header(512, '\0');
    header.replace(0, name.size(), name);
    const auto put = [&](std::size_t at, const std::string& value) { header.replace(at, value.size(), value); };
    std::string size(12, '\0');
    std::snprintf(size.data(), size.size(), "%011zo", text.size());
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    put(124, size);
    put(136, "00000000000");
    put(148, "        ");
    put(156, "0");
    put(257, std::string("ustar\0"
                         "00",
                         8));
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    std::string checksum(8, '\0');
    std::snprintf(checksum.data(), checksum.size(), "%06o", sum);
    put(148, checksum);
    std::string padded = text;
    padded.resize((text.size() + 511) / 512 * 512, '\0');
    return header + padded + std::string(1024, '\0');
}

}  // namespace

TEST_CASE("a build makes an image with its labels, and tells what it does", "[docker]") {
    Lab lab;
    const auto image = lab.name("built") + ":latest";
    // The mark makes it a step that no build before has done.
    const auto step = "RUN echo one " + lab.mark + "; echo two >&2\n";
    const auto context = tar_of("Dockerfile", "FROM debian:bookworm-slim\n" + step + "ENV A=b\n");
    std::vector<std::string> lines;
    const std::map<std::string, std::string> labels{{"shallop.test", lab.mark}, {"with", "\"quotes\" & more"}};
    const auto built = lab.loop.run(lab.engine.build(
        context, image, labels, [&](std::string line) { lines.push_back(std::move(line)); },
        lab.loop.in(std::chrono::minutes(2))));
    REQUIRE(built);
    const auto there = lab.loop.run(lab.engine.inspect_image(image, lab.soon()));
    lab.forget(image);
    REQUIRE(there);
    CHECK(there->labels.at("with") == "\"quotes\" & more");
    CHECK(std::find(there->env.begin(), there->env.end(), "A=b") != there->env.end());
    CHECK(std::find(lines.begin(), lines.end(), "one " + lab.mark) != lines.end());
    CHECK(std::find(lines.begin(), lines.end(), "two") != lines.end());
}

TEST_CASE("images are found by a pattern of their names, and go with their last one", "[docker]") {
    Lab lab;
    const auto named = [&](const std::string& tag) { return lab.name("listed") + ":" + tag; };
    const auto names = [&] {
        auto found = lab.loop.run(lab.engine.image_names(lab.name("lis*"), lab.soon()));
        REQUIRE(found);
        std::sort(found->begin(), found->end());
        return *found;
    };
    // The mark makes them another image than any that there is.
    const auto context = tar_of("Dockerfile", "FROM debian:bookworm-slim\nENV A=" + lab.mark + "\n");
    for (const auto* tag : {"one", "two"}) {
        REQUIRE(lab.loop.run(lab.engine.build(context, named(tag), {}, {}, lab.loop.in(std::chrono::minutes(2)))));
    }
    CHECK(names() == std::vector{named("one"), named("two")});
    CHECK(lab.loop.run(lab.engine.remove_image(named("one"), lab.soon())));
    CHECK(names() == std::vector{named("two")});
    CHECK(lab.loop.run(lab.engine.remove_image(named("one"), lab.soon())));
    CHECK(lab.loop.run(lab.engine.remove_image(named("two"), lab.soon())));
    CHECK(names().empty());
    CHECK(lab.loop.run(lab.engine.inspect_image(named("two"), lab.soon())).error().fault == Fault::not_found);
}

TEST_CASE("a build that fails says in the engine's words what failed", "[docker]") {
    Lab lab;
    const auto image = lab.name("broken");
    const auto fails = [&](const std::string& dockerfile) {
        const auto built = lab.loop.run(
            lab.engine.build(tar_of("Dockerfile", dockerfile), image, {}, {}, lab.loop.in(std::chrono::minutes(2))));
        REQUIRE_FALSE(built);
        CHECK(built.error().fault == Fault::engine_refused);
        return built.error().detail;
    };
    CHECK_THAT(fails("FROM debian:bookworm-slim\nRUN exit 7\n"), ContainsSubstring("non-zero code: 7"));
    CHECK_THAT(fails("NONSENSE\n"), ContainsSubstring("NONSENSE"));
    const auto empty = lab.loop.run(lab.engine.build(tar_of("other", "x"), image, {}, {}, lab.soon()));
    REQUIRE_FALSE(empty);
    CHECK_THAT(empty.error().detail, ContainsSubstring("Dockerfile"));
    CHECK(lab.loop.run(lab.engine.build("", "Not A Tag", {}, {}, lab.soon())).error().fault == Fault::invalid);
}
