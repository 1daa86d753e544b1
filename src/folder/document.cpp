// SPDX-License-Identifier: Apache-2.0
#include <shallop/folder/document.h>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <istream>
#include <sstream>

namespace shallop::folder {
namespace {

constexpr std::size_t largest_manifest = 4UL << 20;
constexpr int deepest = 32;
constexpr int most_nodes = 50'000;  ///< aliases make more nodes than there are bytes

/// What YAML's core schema makes of a plain word.
Json plain_scalar(const std::string& word) {
    if (word.empty() || word == "~" || word == "null" || word == "Null" || word == "NULL") return nullptr;
    if (word == "true" || word == "True" || word == "TRUE") return true;
    if (word == "false" || word == "False" || word == "FALSE") return false;
    const auto* const end = word.data() + word.size();
    std::int64_t whole = 0;
    if (const auto read = std::from_chars(word.data(), end, whole); read.ec == std::errc{} && read.ptr == end)
        return whole;
    double real = 0;
    const auto read = std::from_chars(word.data(), end, real);
    if (read.ec == std::errc{} && read.ptr == end && std::isfinite(real)) return real;
    return word;
}

/// Turns nodes into JSON, within the bounds above.
class Converter {
public:
    Json convert(const YAML::Node& node, int depth = 0) {
        if (depth > deepest || ++nodes_ > most_nodes)
            throw YAML::Exception(node.Mark(), "nested too deep, or too large");
        switch (node.Type()) {
            case YAML::NodeType::Scalar:
                return node.Tag() == "!" ? Json(node.Scalar()) : plain_scalar(node.Scalar());
            case YAML::NodeType::Sequence:
                return sequence(node, depth);
            case YAML::NodeType::Map:
                return map(node, depth);
            default:
                return nullptr;
        }
    }

private:
    Json sequence(const YAML::Node& node, int depth) {
        auto array = Json::array();
        for (const auto& item : node) array.push_back(convert(item, depth + 1));
        return array;
    }
    Json map(const YAML::Node& node, int depth) {
        auto object = Json::object();
        for (const auto& item : node) {
            const auto key = item.first.Scalar();
            if (object.contains(key)) throw YAML::Exception(item.first.Mark(), "'" + key + "' is there twice");
            object[key] = convert(item.second, depth + 1);
        }
        return object;
    }

    int nodes_ = 0;
};

Complaint bad_file(const std::string& from, const std::string& why) {
    return {from + " is no manifest: " + why,
            "a manifest is a function resource in JSON or YAML, with at least name and image or source"};
}

/// Takes what a parser tells, and keeps nothing of it.
class Nothing final : public YAML::EventHandler {
public:
    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
    void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
    void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
    void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
    void OnSequenceEnd() override {}
    void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
    void OnMapEnd() override {}
};

/// LoadAll() finds documents without end where one begins with a comma, so they are counted first.
void check_ends(const std::string& text) {
    constexpr int most_documents = 10'000;
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    Nothing nothing;
    for (int documents = 0; parser.HandleNextDocument(nothing);) {
        if (++documents > most_documents)
            throw YAML::Exception(YAML::Mark::null_mark(),
                                  "it has more than 10000 documents, or one begins with a comma");
    }
}

/// Every document of the text; throws what the parsers throw.
std::vector<Json> read_documents(std::string_view text) {
    const auto start = text.find_first_not_of(" \t\r\n");
    if (start != std::string_view::npos && text[start] == '{') return {Json::parse(text)};
    const std::string all(text);
    check_ends(all);
    std::vector<Json> documents;
    for (const auto& node : YAML::LoadAll(all)) {
        if (!node.IsNull()) documents.push_back(Converter().convert(node));
    }
    return documents;
}

}  // namespace

Result<std::string> read_text(std::istream& stream, const std::string& from) {
    std::string text;
    char piece[16 * 1024];
    while (stream.read(piece, sizeof piece) || stream.gcount() > 0) {
        text.append(piece, static_cast<std::size_t>(stream.gcount()));
        if (text.size() > largest_manifest) return bad_file(from, "it is larger than 4Mi");
    }
    return text;
}

Result<std::string> read_text(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return Complaint{"cannot read " + path, "check the file's name and that you may read it"};
    return read_text(file, path);
}

Result<std::vector<Json>> parse_documents(std::string_view text, const std::string& from) {
    try {
        auto documents = read_documents(text);
        if (documents.empty()) return bad_file(from, "it is empty");
        for (const auto& document : documents) {
            if (!document.is_object()) return bad_file(from, "it holds no object");
        }
        return documents;
    } catch (const std::exception& error) {
        return bad_file(from, error.what());
    }
}

Result<Json> read_folder_manifest(const std::string& folder) {
    for (const auto* const name : {"shallop.yaml", "shallop.yml"}) {
        const auto path = folder + "/" + name;
        std::error_code failed;
        if (!std::filesystem::exists(path, failed)) continue;
        const auto text = read_text(path);
        if (!text) return text.error();
        auto documents = parse_documents(*text, path);
        if (!documents) return documents.error();
        if (documents->size() > 1 || documents->front().contains("functions")) {
            return Complaint{path + " is of several functions", "use: shallop apply -f " + path};
        }
        return std::move(documents->front());
    }
    return Json();
}

}  // namespace shallop::folder
