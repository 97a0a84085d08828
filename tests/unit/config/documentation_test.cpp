// docs/configuration.md and the shipped examples against the code that reads the files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "config/settings.h"
#include "config/yaml.h"
#include "support/process.h"

namespace godwit::config {
namespace {

using test_support::read_file;
using testing::HasSubstr;

std::string source(const std::string& path) {
    return read_file(std::string{GODWIT_SOURCE} + "/" + path);
}

// Every key that a reader is asked for.
std::set<std::string> keys_in_code() {
    static const std::regex kCall{
        R"re((\.(?:text|texts|integer|boolean|child|one_of)|read_\w+)\(\s*(?:\w+,\s*)?"(\w+)")re"};
    std::set<std::string> keys;
    for (const char* file : {"agent.cpp", "common.cpp", "master.cpp"}) {
        const std::string code = source(std::string{"core/config/"} + file);
        for (std::sregex_iterator call{code.begin(), code.end(), kCall}, end; call != end; ++call) {
            keys.insert((*call)[2]);
            if ((*call)[1] == "read_secret") keys.insert((*call)[2].str() + "_file");
        }
    }
    return keys;
}

// A line of a table: | `key`, `key` | type | default | what it says |
struct Row {
    std::string keys;
    std::string type;
    std::string fallback;
};

std::vector<Row> rows_of(const std::string& text) {
    static const std::regex kRow{R"re(\n\| (`[^|]*`) \| ([^|]*) \|(?: ([^|]*))? \|)re"};
    std::vector<Row> rows;
    for (std::sregex_iterator row{text.begin(), text.end(), kRow}, end; row != end; ++row) {
        rows.push_back({(*row)[1], (*row)[2], (*row)[3]});
    }
    return rows;
}

// From this heading to the next one of its rank.
std::string section(const std::string& text, const std::string& heading) {
    const std::size_t start = text.find("\n## " + heading + "\n");
    return start == std::string::npos ? ""
                                      : text.substr(start, text.find("\n## ", start + 1) - start);
}

// "listen.port" and "1" make "listen: {port: 1}".
std::string yaml_of(const std::string& key, const std::string& value) {
    const std::size_t dot = key.find('.');
    if (dot == std::string::npos) return key + ": " + value + "\n";
    return key.substr(0, dot) + ": {" + key.substr(dot + 1) + ": " + value + "}\n";
}

std::string printed(const Result<sdk::Value>& root, bool of_master) {
    if (!root) return root.error().message;
    if (of_master) {
        const auto settings = read_master(*root);
        return settings ? print(*settings) : settings.error().message;
    }
    const auto settings = read_agent(*root, "w");
    return settings ? print(*settings) : settings.error().message;
}

std::string in_effect(const std::string& yaml, bool of_master) {
    const std::string workers = "workers: [{worker_id: w, storage_paths: [/a]}]\n";
    return printed(parse_yaml(of_master ? yaml : yaml + workers, "f.yml"), of_master);
}

// What is said of numbers and their defaults, for each row of them.
void check_numbers(const std::string& heading, bool of_master, std::size_t at_least) {
    static const std::regex kBounds{R"(\d+\.\.\d+)"};
    std::size_t checked = 0;
    for (const Row& row : rows_of(section(source("docs/configuration.md"), heading))) {
        const std::string key = row.keys.substr(1, row.keys.find('`', 1) - 1);
        // Of a worker's entry, rather than of the top.
        if (!std::regex_match(row.type, kBounds) || key.starts_with("network.")) continue;
        ++checked;
        EXPECT_THAT(in_effect(yaml_of(key, "many"), of_master),
                    HasSubstr(key + ": expected an integer in " + row.type + ", got 'many'"));
        const std::string fallback = row.fallback.substr(1, row.fallback.size() - 2);
        EXPECT_EQ(in_effect(yaml_of(key, fallback), of_master), in_effect("", of_master)) << key;
    }
    EXPECT_GE(checked, at_least);
}

TEST(ConfigurationGuide, NamesEveryKeyThatTheCodeAccepts) {
    const std::set<std::string> keys = keys_in_code();
    ASSERT_GE(keys.size(), 35u) << "the calls of the readers were not recognised";
    std::string named;
    for (const Row& row : rows_of(source("docs/configuration.md"))) named += row.keys;

    for (const std::string& key : keys) {
        EXPECT_TRUE(std::regex_search(named, std::regex{"[`.]" + key + "[`.]"})) << key;
    }
}

TEST(ConfigurationGuide, HasTheBoundsAndDefaultsOfTheMastersNumbers) {
    check_numbers("The master", true, 7);
}

TEST(ConfigurationGuide, HasTheBoundsAndDefaultsOfTheAgentsNumbers) {
    check_numbers("The agents", false, 6);
}

TEST(ConfigurationGuide, AndThePluginsSayHowMuchMemoryTheBuffersTake) {
    const AgentSettings agent;
    const std::uint64_t bytes = agent.segment_bytes * (agent.send_buffers + agent.receive_buffers);
    const std::string size = std::to_string(bytes >> 20) + " MiB by default";

    for (const char* file : {"docs/configuration.md", "plugins/transport_libfabric/README.md",
                             "plugins/transport_ucx/README.md"}) {
        EXPECT_THAT(source(file), HasSubstr(size)) << file;
    }
}

TEST(ShippedExamples, HaveEveryKeyIfOnlyAsAComment) {
    const std::string examples =
        source("config/example_master.yml") + source("config/example_agent.yml");

    for (const std::string& key : keys_in_code()) {
        EXPECT_NE(examples.find(key), std::string::npos) << key;
    }
}

}  // namespace
}  // namespace godwit::config
