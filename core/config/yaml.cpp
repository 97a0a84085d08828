#include "config/yaml.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <sstream>
#include <vector>

namespace godwit::config {
namespace {

using FileName = std::shared_ptr<const std::string>;

sdk::Position position_of(const FileName& file, const YAML::Mark& mark) {
    // A null mark (line -1) belongs to a node without text, such as an empty file.
    return {file, mark.line < 0 ? 1 : mark.line + 1, mark.column < 0 ? 1 : mark.column + 1};
}

Error error_at(const sdk::Position& at, const std::string& reason) {
    return Error{Code::InvalidArgument, sdk::to_string(at) + ": " + reason};
}

Result<sdk::Value> convert(const YAML::Node& node, const FileName& file, int depth);

Result<sdk::Value> convert_map(const YAML::Node& node, const FileName& file, int depth) {
    sdk::Value map = sdk::Value::map();
    map.at = position_of(file, node.Mark());
    for (const auto& member : node) {
        const sdk::Position at = position_of(file, member.first.Mark());
        if (!member.first.IsScalar()) return error_at(at, "a key must be a word");
        const std::string& key = member.first.Scalar();
        if (map.find(key) != nullptr) return error_at(at, "the key '" + key + "' stands twice");
        auto value = convert(member.second, file, depth + 1);
        if (!value) return std::move(value).error();
        // An empty value has no text of its own to point at.
        if (value->kind == sdk::Value::Kind::Null) value->at = at;
        map.members.emplace_back(key, std::move(*value));
    }
    return map;
}

Result<sdk::Value> convert(const YAML::Node& node, const FileName& file, int depth) {
    const sdk::Position at = position_of(file, node.Mark());
    if (depth > kDepthMax) {
        return error_at(at, "nested deeper than " + std::to_string(kDepthMax) + " levels");
    }
    switch (node.Type()) {
    case YAML::NodeType::Undefined:
    case YAML::NodeType::Null: {
        sdk::Value null;
        null.at = at;
        return null;
    }
    case YAML::NodeType::Scalar: {
        sdk::Value scalar = sdk::Value::scalar(node.Scalar());
        scalar.at = at;
        return scalar;
    }
    case YAML::NodeType::Sequence: {
        sdk::Value list;
        list.kind = sdk::Value::Kind::List;
        list.at = at;
        for (const auto& item : node) {
            auto value = convert(item, file, depth + 1);
            if (!value) return value;
            list.items.push_back(std::move(*value));
        }
        return list;
    }
    case YAML::NodeType::Map: return convert_map(node, file, depth);
    }
    return error_at(at, "a node of an unknown kind");
}

// Before yaml-cpp sees it: ten short lines of aliases can stand for a billion nodes, and nesting
// costs it stack.
Status refuse_bombs(std::string_view text, const FileName& file) {
    sdk::Position at{file, 1, 0};
    int open = 0;
    char quote = 0;
    char before = '\n';
    for (std::size_t i = 0; i < text.size(); before = text[i++]) {
        const char c = text[i];
        at.column = before == '\n' ? 1 : at.column + 1;
        if (c == '\n') ++at.line;
        if (quote != 0) {
            if (c == quote && before != '\\') quote = 0;
            continue;
        }
        const bool starts_word = std::string_view{" \n[,{:"}.find(before) != std::string_view::npos;
        if (c == '#' && starts_word) {
            // The rest of the line is a comment: brackets in it open nothing.
            const std::size_t end = std::min(text.find('\n', i), text.size());
            i = end - 1;
        } else if ((c == '"' || c == '\'') && starts_word) {
            quote = c;
        } else if (c == '[' || c == '{') {
            ++open;
        } else if (c == ']' || c == '}') {
            --open;
        } else if (c == '*' && starts_word && i + 1 < text.size() && text[i + 1] > ' ') {
            return error_at(at, "aliases (*name) are not supported; quote the word if it is text");
        }
        if (open > kDepthMax) {
            return error_at(at, "nested deeper than " + std::to_string(kDepthMax) + " levels");
        }
    }
    return {};
}

// "redis://user:pw@host" becomes "redis://***@host".
std::string without_password(const std::string& text) {
    const std::size_t scheme = text.find("://");
    if (scheme == std::string::npos) return text;
    const std::size_t start = scheme + 3;
    const std::size_t at = text.rfind('@', text.find('/', start));
    if (at == std::string::npos || at < start) return text;
    return text.substr(0, start) + "***" + text.substr(at);
}

void emit(YAML::Emitter& out, const sdk::Value& value) {
    switch (value.kind) {
    case sdk::Value::Kind::Null: out << YAML::Null; break;
    case sdk::Value::Kind::Scalar: out << without_password(value.text); break;
    case sdk::Value::Kind::List:
        out << YAML::BeginSeq;
        for (const sdk::Value& item : value.items) emit(out, item);
        out << YAML::EndSeq;
        break;
    case sdk::Value::Kind::Map:
        out << YAML::BeginMap;
        for (const auto& [key, member] : value.members) {
            out << YAML::Key << key << YAML::Value;
            emit(out, member);
        }
        out << YAML::EndMap;
        break;
    }
}

}  // namespace

Result<sdk::Value> parse_yaml(std::string_view text, const std::string& file) {
    const auto name = std::make_shared<const std::string>(file);
    if (auto safe = refuse_bombs(text, name); !safe) return std::move(safe).error();
    try {
        const std::vector<YAML::Node> documents = YAML::LoadAll(std::string{text});
        if (documents.empty()) {
            sdk::Value empty = sdk::Value::map();
            empty.at = {name, 1, 1};
            return empty;
        }
        if (documents.size() > 1) {
            return error_at(position_of(name, documents[1].Mark()),
                            "a second document; one is expected");
        }
        auto root = convert(documents.front(), name, 0);
        if (!root) return root;
        if (root->kind == sdk::Value::Kind::Null) root->kind = sdk::Value::Kind::Map;
        if (root->kind != sdk::Value::Kind::Map) {
            return error_at(root->at, "expected a map of settings at the top");
        }
        return root;
    } catch (const YAML::Exception& failure) {
        return error_at(position_of(name, failure.mark), failure.msg);
    }
}

Result<sdk::Value> load_yaml(const std::string& path) {
    std::ifstream in{path, std::ios::binary};
    if (!in) return base::errno_error("read configuration '" + path + "'");
    std::string text(kFileBytesMax + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (in.bad()) return base::errno_error("read configuration '" + path + "'", EIO);
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (text.size() > kFileBytesMax) {
        return Error{Code::InvalidArgument, path + ": longer than 4 MiB"};
    }
    return parse_yaml(text, path);
}

std::string print_yaml(const sdk::Value& value) {
    YAML::Emitter out;
    emit(out, value);
    return std::string{out.c_str()} + "\n";
}

}  // namespace godwit::config
