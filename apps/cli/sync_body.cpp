#include "cli/sync_body.h"

#include <fstream>
#include <iostream>

#include "base/bytes.h"
#include "http/router.h"
#include "model/writer.h"

namespace godwit::cli {
namespace {

// "text", or {"key": base64} for what is not UTF-8.
void write_bytes(model::Writer& json, const std::string& bytes, const char* key) {
    if (base::is_utf8(bytes)) {
        json.value(bytes);
    } else {
        json.object([&] { json.member(key, base::to_base64(bytes)); });
    }
}

void write_settings(model::Writer& json, const std::map<std::string, Value>& settings) {
    for (const auto& [name, value] : settings) {
        std::visit([&, &key = name](const auto& v) { json.member(key, v); }, value);
    }
}

void write_options(model::Writer& json, const CommandLine& line) {
    write_settings(json, line.options);
    if (line.filters.empty()) return;
    json.list("filters", [&] {
        for (const std::string& rule : line.filters) write_bytes(json, rule, "rule_b64");
    });
}

}  // namespace

Result<std::vector<std::string>> read_names(std::istream& input, char end) {
    std::vector<std::string> names;
    std::string name;
    while (std::getline(input, name, end)) {
        if (end == '\n' && name.ends_with('\r')) name.pop_back();
        if (name.find('\0') != std::string::npos) {
            return Error{Code::InvalidArgument, "line " + std::to_string(names.size() + 1) +
                                                    " of the list has a NUL byte: is --from0 "
                                                    "missing?"};
        }
        if (!name.empty()) names.push_back(name);
    }
    return names;
}

Result<std::vector<std::string>> read_files_from(const std::string& file, bool from0) {
    const char end = from0 ? '\0' : '\n';
    if (file == "-") return read_names(std::cin, end);
    std::ifstream input{file, std::ios::binary};
    if (!input) return base::errno_error("--files-from: open '" + file + "'");
    auto names = read_names(input, end);
    if (input.bad()) return base::errno_error("--files-from: read '" + file + "'");
    return names;
}

Result<std::string> sync_body(const CommandLine& line, const std::string& id,
                              const std::optional<std::vector<std::string>>& files) {
    model::Writer json;
    json.object([&] {
        json.member("request_id", id);
        json.path("source_path", line.arguments[0]);
        json.path("destination_path", line.arguments[1]);
        if (line.chunk_size_mb) json.member("chunk_size_mb", *line.chunk_size_mb);
        json.member("options", [&] { write_options(json, line); });
        if (!files) return;
        json.list("file_list", [&] {
            for (const std::string& file : *files) write_bytes(json, file, "path_b64");
        });
    });
    std::string body = std::move(json).text();
    if (body.size() <= http::kListBodyBytesMax) return body;
    return Error{Code::InvalidArgument,
                 "a request of " + base::format_bytes(static_cast<double>(body.size())) +
                     " is too large, a master takes " +
                     base::format_bytes(static_cast<double>(http::kListBodyBytesMax)) +
                     ": split the list of files"};
}

Result<std::string> patch_body(std::span<const std::string> settings) {
    CommandLine line;
    for (const std::string& setting : settings) {
        if (setting.find('=') == std::string::npos) {
            return Error{Code::InvalidArgument, "expected NAME=VALUE, got '" + setting + "'"};
        }
        if (auto status = set_option(line, setting); !status) return std::move(status).error();
    }
    model::Writer json;
    json.object([&] { json.member("options", [&] { write_settings(json, line.options); }); });
    return std::move(json).text();
}

}  // namespace godwit::cli
