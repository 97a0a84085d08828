#include "cli/options.h"

#include <charconv>
#include <cstdlib>
#include <functional>
#include <map>

#include "godwit/sdk/nearest.h"

namespace godwit::cli {
namespace {

struct Flag {
    bool takes_value = false;
    // False: the value will not do.
    std::function<bool(CommandLine&, const std::string&)> set;
};

bool to_number(const std::string& text, std::optional<int>& number) {
    int value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || stop != text.data() + text.size() || value < 0) return false;
    number = value;
    return true;
}

std::map<std::string, Flag, std::less<>> flags() {
    const auto text = [](std::string CommandLine::*member) {
        return Flag{true, [member](CommandLine& line, const std::string& value) {
                        line.*member = value;
                        return true;
                    }};
    };
    const auto truth = [](bool CommandLine::*member) {
        return Flag{
            false, [member](CommandLine& line, const std::string&) { return line.*member = true; }};
    };
    const auto number = [](std::optional<int> CommandLine::*member) {
        return Flag{true, [member](CommandLine& line, const std::string& value) {
                        return to_number(value, line.*member);
                    }};
    };
    const auto list = [](std::vector<std::string> CommandLine::*member) {
        return Flag{true, [member](CommandLine& line, const std::string& value) {
                        (line.*member).push_back(value);
                        return true;
                    }};
    };
    return {{"--master", text(&CommandLine::master_url)},
            {"--json", truth(&CommandLine::json)},
            {"--help", truth(&CommandLine::help)},
            {"-h", truth(&CommandLine::help)},
            {"--version", truth(&CommandLine::version)},
            {"--wait", truth(&CommandLine::wait)},
            {"--id", text(&CommandLine::request_id)},
            {"--chunk-size-mb", number(&CommandLine::chunk_size_mb)},
            {"--timeout", number(&CommandLine::timeout_seconds)},
            {"--option", list(&CommandLine::options)},
            {"--plugin-path", list(&CommandLine::plugin_path)},
            {"--state", text(&CommandLine::state)}};
}

Error usage(const std::string& what) {
    return {Code::InvalidArgument, what + " (try: godwit --help)"};
}

Status check_command(const CommandLine& line) {
    struct Shape {
        std::size_t least;
        std::size_t most;
        const char* usage;
    };
    const std::map<std::string, Shape, std::less<>> commands{
        {"sync", {2, 2, "godwit sync SRC DST [--wait]"}},
        {"status", {0, 1, "godwit status [ID]"}},
        {"cancel", {1, 1, "godwit cancel ID"}},
        {"pause", {1, 1, "godwit pause ID"}},
        {"resume", {1, 1, "godwit resume ID"}},
        {"workers", {0, 0, "godwit workers"}},
        {"plugins", {0, 0, "godwit plugins [--plugin-path DIR]"}},
    };
    const auto found = commands.find(line.command);
    if (found == commands.end()) {
        std::vector<std::string_view> known;
        for (const auto& [name, shape] : commands) known.push_back(name);
        return usage(sdk::unknown_name("command", line.command, known));
    }
    const std::size_t count = line.arguments.size();
    if (count < found->second.least || count > found->second.most) {
        return usage(std::string{"usage: "} + found->second.usage);
    }
    return {};
}

}  // namespace

Result<CommandLine> parse_command_line(const std::vector<std::string>& words) {
    CommandLine line;
    line.master_url = "http://127.0.0.1:8888";
    if (const char* url = std::getenv("GODWIT_MASTER_URL")) line.master_url = url;
    if (const char* token = std::getenv("GODWIT_TOKEN")) line.token = base::Secret{token};
    const auto known = flags();
    std::vector<std::string> plain;
    bool only_plain = false;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        if (only_plain || !word.starts_with('-') || word == "-") {
            plain.push_back(word);
            continue;
        }
        if (word == "--") {
            only_plain = true;
            continue;
        }
        const std::size_t equals = word.find('=');
        const std::string name = word.substr(0, equals);
        const auto flag = known.find(name);
        if (flag == known.end()) {
            std::vector<std::string_view> names;
            for (const auto& [key, value] : known) names.push_back(key);
            return usage(sdk::unknown_name("option", name, names));
        }
        std::string value;
        if (flag->second.takes_value) {
            if (equals != std::string::npos) {
                value = word.substr(equals + 1);
            } else if (i + 1 < words.size()) {
                value = words[++i];
            } else {
                return usage("option '" + name + "' needs a value");
            }
        } else if (equals != std::string::npos) {
            return usage("option '" + name + "' takes no value");
        }
        if (!flag->second.set(line, value)) {
            return usage("option '" + name + "': '" + value + "' will not do");
        }
    }
    if (line.help || line.version) return line;
    if (plain.empty()) return usage("a command is missing");
    line.command = plain.front();
    line.arguments.assign(plain.begin() + 1, plain.end());
    if (auto status = check_command(line); !status) return std::move(status).error();
    return line;
}

std::string help_text() {
    return R"(godwit: the command line of Godwit, which moves data between the storage systems of clusters.

Usage: godwit COMMAND [OPTIONS]

Commands:
  sync SRC DST     ask for DST to become a copy of SRC; prints the request's id
      --wait                show progress until it has ended; the exit code tells how
      --id ID               the request's id, rather than a random one
      --chunk-size-mb N     how large the pieces of large files are (1..1024, 64)
      --option NAME=VALUE   an option of the request, e.g. durability=file (repeatable)
      --timeout SECONDS     do not wait longer
  status [ID]      one request, or all of them
      --state STATE         only those in this state
  cancel ID        end a request; files that are published stay
  pause ID         hand out no more of its work
  resume ID        go on
  workers          the agents that the master knows
  plugins          the plugins of this installation
      --plugin-path DIR     look here instead (repeatable)

Options of all commands:
  --master URL     the master (GODWIT_MASTER_URL, else http://127.0.0.1:8888)
  --json           machine-readable output
  --help, --version
A bearer token is taken from GODWIT_TOKEN.

Exit codes:
  0 done                     5 master unreachable       24 done, but source files vanished
  1 usage                   11 request failed           30 waited too long
  3 bad source or dest.     20 cancelled
  4 refused by the master   23 done, but files failed

Examples:
  godwit sync /data/source /data/dest --wait
  godwit status demo-1 --json
)";
}

}  // namespace godwit::cli
