#include "cli/command_line.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <span>

#include "cli/flags.h"
#include "godwit/sdk/nearest.h"

namespace godwit::cli {
namespace {

Error usage(const std::string& what) {
    return {Code::InvalidArgument, what + " (try: godwit --help)"};
}

// A flag that was given, with its value.
struct Given {
    const Flag* flag;
    std::string name;  // As it was written: the name or the alias.
    std::string value;
};

// Takes the flag at words[i], and moves `i` onto its value when that is a word of its own.
Result<Given> take_flag(std::span<const std::string> words, std::size_t& i) {
    const std::string& word = words[i];
    const std::size_t equals = word.find('=');
    Given given{nullptr, word.substr(0, equals), {}};
    given.flag = find_flag(given.name);
    if (given.flag == nullptr) {
        return usage(sdk::unknown_name("option", given.name, flag_names()));
    }
    const bool takes_value = !given.flag->value_name.empty();
    if (!takes_value && equals != std::string::npos) {
        return usage("option '" + given.name + "' takes no value");
    }
    if (!takes_value) return given;
    if (equals != std::string::npos) {
        given.value = word.substr(equals + 1);
    } else if (i + 1 < words.size()) {
        given.value = words[++i];
    } else {
        return usage("option '" + given.name + "' needs a value");
    }
    return given;
}

// Flags are applied as they stand; plain words are the command and its arguments.
Result<std::vector<Given>> take_words(CommandLine& line, std::span<const std::string> words) {
    std::vector<Given> flags;
    std::vector<std::string> plain;
    bool only_plain = false;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        if (only_plain || !word.starts_with('-') || word == "-") {
            plain.push_back(word);
        } else if (word == "--") {
            only_plain = true;
        } else {
            auto given = take_flag(words, i);
            if (!given) return std::move(given).error();
            if (auto set = given->flag->set(line, given->value); !set) {
                return usage("option '" + given->name + "': " + set.error().message);
            }
            flags.push_back(std::move(*given));
        }
    }
    if (!plain.empty()) {
        line.command = plain.front();
        line.arguments.assign(plain.begin() + 1, plain.end());
    }
    return flags;
}

Status check_command(const CommandLine& line, std::span<const Given> flags) {
    const std::span<const Command> known = commands();
    const auto found = std::find_if(known.begin(), known.end(), [&](const Command& command) {
        return command.name == line.command;
    });
    if (found == known.end()) {
        std::vector<std::string_view> names;
        for (const Command& command : known) names.push_back(command.name);
        return usage(sdk::unknown_name("command", line.command, names));
    }
    const std::size_t count = line.arguments.size();
    if (count < found->arguments_min || count > found->arguments_max) {
        return usage("usage: godwit " + std::string{found->name} + " " +
                     std::string{found->arguments});
    }
    for (const Given& given : flags) {
        if (is_for(*given.flag, line.command)) continue;
        return usage("option '" + given.name + "' is not one of 'godwit " + line.command + "'");
    }
    return {};
}

// Options that say nothing without another one.
Status check_company(const CommandLine& line) {
    if (line.from0 && line.files_from.empty()) {
        return usage("option '--from0' says how names stand in --files-from, which is missing");
    }
    if (line.timeout_seconds && !line.wait) {
        return usage("option '--timeout' says how long to --wait, which is missing");
    }
    return {};
}

}  // namespace

bool CommandLine::is_dry_run() const {
    const auto option = options.find("dry_run");
    return option != options.end() && option->second == Value{true};
}

Value value_of(std::string_view text) {
    if (text == "true" || text == "false") return text == "true";
    std::int64_t number = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc{} && stop == text.data() + text.size()) return number;
    return std::string{text};
}

Status set_option(CommandLine& line, std::string_view name_and_value) {
    const std::size_t equals = name_and_value.find('=');
    const std::string name{name_and_value.substr(0, equals)};
    if (name.empty()) return Error{Code::InvalidArgument, "expected NAME=VALUE"};
    Value value = true;
    if (equals != std::string_view::npos) value = value_of(name_and_value.substr(equals + 1));
    const auto [option, is_new] = line.options.emplace(name, value);
    if (is_new || option->second == value) return {};
    return Error{Code::InvalidArgument,
                 "'" + name + "' has another value already, from an option before"};
}

Result<CommandLine> parse_command_line(const std::vector<std::string>& words) {
    CommandLine line;
    line.master_url = "http://127.0.0.1:8888";
    if (const char* url = std::getenv("GODWIT_MASTER_URL")) line.master_url = url;
    if (const char* token = std::getenv("GODWIT_TOKEN")) line.token = base::Secret{token};
    const auto flags = take_words(line, words);
    if (!flags) return flags.error();
    if (line.help || line.version) return line;
    if (line.command.empty()) return usage("a command is missing");
    if (auto status = check_command(line, *flags); !status) return std::move(status).error();
    // There is nothing to be seen of one before it has ended.
    if (line.is_dry_run()) line.wait = true;
    if (auto status = check_company(line); !status) return std::move(status).error();
    return line;
}

}  // namespace godwit::cli
