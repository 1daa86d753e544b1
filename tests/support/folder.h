// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

/// A folder that ends with the test.
struct Folder {
    Folder() {
        std::string made = "/tmp/shallop-unit-XXXXXX";
        path = ::mkdtemp(made.data());
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { std::filesystem::remove_all(path); }

    /// Writes a file below it; returns where it is.
    std::string file(const std::string& name, const std::string& text = "x") const {
        const auto place = std::filesystem::path(path) / name;
        std::filesystem::create_directories(place.parent_path());
        std::ofstream(place, std::ios::binary) << text;
        return place.string();
    }
    std::string operator/(const std::string& name) const { return path + "/" + name; }

    std::string path;
};
