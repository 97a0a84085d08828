#include "cli/flags.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <limits>
#include <optional>

namespace godwit::cli {
namespace {

using Set = std::function<Status(CommandLine&, const std::string&)>;

constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max();

constexpr std::array kCommands{
    Command{"sync", "SRC DST", 2, 2, "make DST a copy of SRC; prints the request's id"},
    Command{"status", "[ID]", 0, 1, "one request, or all of them"},
    Command{"errors", "ID", 1, 1, "the files of a request that failed, and why"},
    Command{"cancel", "ID", 1, 1, "end a request; files that are published stay"},
    Command{"pause", "ID", 1, 1, "stop its work until it is resumed"},
    Command{"resume", "ID", 1, 1, "go on"},
    Command{"retry", "ID", 1, 1, "try the files that failed again"},
    Command{"set", "ID NAME=VALUE...", 2, kAny,
            "change priority, max_workers, bandwidth_limit_mbps or max_failures"},
    Command{"delete", "ID", 1, 1, "forget a request; one that is active is cancelled first"},
    Command{"workers", "", 0, 0, "the agents that the master knows"},
    Command{"plugins", "", 0, 0, "the plugins of this installation"},
};

Error wrong(const std::string& value, const std::string& expected) {
    return {Code::InvalidArgument, "expected " + expected + ", got '" + value + "'"};
}

template <class Number>
bool to_number(std::string_view text, Number& number) {
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && stop == text.data() + text.size();
}

// -------------------------------------------------------------------- members of the command line

Set truth(bool CommandLine::*member) {
    return [member](CommandLine& line, const std::string&) {
        line.*member = true;
        return Status{};
    };
}

Set text(std::string CommandLine::*member) {
    return [member](CommandLine& line, const std::string& value) {
        line.*member = value;
        return Status{};
    };
}

Set list(std::vector<std::string> CommandLine::*member, std::string prefix = {}) {
    return [member, prefix = std::move(prefix)](CommandLine& line, const std::string& value) {
        (line.*member).push_back(prefix + value);
        return Status{};
    };
}

Set number(std::optional<int> CommandLine::*member) {
    return [member](CommandLine& line, const std::string& value) -> Status {
        int parsed = 0;
        if (!to_number(value, parsed) || parsed < 0) return wrong(value, "a whole number");
        line.*member = parsed;
        return {};
    };
}

// ----------------------------------------------------------------------- options of the request

// Always this value.
Set option(std::string name_and_value) {
    return [setting = std::move(name_and_value)](CommandLine& line, const std::string&) {
        return set_option(line, setting);
    };
}

// The value as it was given; the master knows which it takes.
Set option_of(std::string name) {
    return [name = std::move(name)](CommandLine& line, const std::string& value) {
        return set_option(line, name + "=" + value);
    };
}

Set whole_number(std::string name) {
    return [name = std::move(name)](CommandLine& line, const std::string& value) -> Status {
        std::int64_t parsed = 0;
        if (!to_number(value, parsed)) return wrong(value, "a whole number");
        return set_option(line, name + "=" + std::to_string(parsed));
    };
}

// As rsync has them: K is 1024, KB is 1000.
std::optional<std::int64_t> size_of(std::string_view text) {
    constexpr std::string_view kUnits = "KMGTP";
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    std::int64_t size = 0;
    if (!to_number(text.substr(0, digits), size)) return {};
    std::string_view unit = text.substr(digits);
    if (unit.empty() || unit == "B") return size;
    const std::size_t power =
        kUnits.find(static_cast<char>(std::toupper(static_cast<unsigned char>(unit.front()))));
    if (power == std::string_view::npos) return {};
    unit.remove_prefix(1);
    const bool decimal = unit == "B" || unit == "b";
    if (!decimal && !unit.empty() && unit != "iB") return {};
    for (std::size_t i = 0; i <= power; ++i) {
        if (__builtin_mul_overflow(size, decimal ? 1000 : 1024, &size)) return {};
    }
    return size;
}

Set size(std::string name) {
    return [name = std::move(name)](CommandLine& line, const std::string& value) -> Status {
        const auto parsed = size_of(value);
        if (!parsed) return wrong(value, "a size like 500, 64K, 10M or 2G");
        return set_option(line, name + "=" + std::to_string(*parsed));
    };
}

Status any_option(CommandLine& line, const std::string& value) {
    if (value.starts_with("filters")) {
        return Error{Code::InvalidArgument, "filters are given with --filter"};
    }
    return set_option(line, value);
}

// ----------------------------------------------------------------------------------- the table

std::vector<Flag> make_flags() {
    constexpr auto kWhich = "Which files (sync)";
    constexpr auto kSame = "What is the same, and what gives way (sync)";
    constexpr auto kHow = "How files are copied (sync)";
    constexpr auto kFar = "How far it may go (sync)";
    constexpr auto kRequest = "The request (sync)";
    constexpr auto kOthers = "Options of other commands";
    constexpr auto kAll = "Options of all commands";
    return {
        {kWhich, "sync", "--files-from", "", "FILE",
         "only what FILE names, one a line ('-': standard input)", text(&CommandLine::files_from)},
        {kWhich, "sync", "--from0", "", "", "names in FILE end with a NUL",
         truth(&CommandLine::from0)},
        {kWhich, "sync", "--exclude", "", "PATTERN", "leave out what matches (repeatable)",
         list(&CommandLine::filters, "- ")},
        {kWhich, "sync", "--include", "", "PATTERN",
         "take what matches; of all rules, the first that matches decides",
         list(&CommandLine::filters, "+ ")},
        {kWhich, "sync", "--filter", "", "RULE", "'+ PATTERN' or '- PATTERN'",
         list(&CommandLine::filters)},
        {kWhich, "sync", "--min-size", "", "SIZE", "leave out smaller files (K, M, G, T)",
         size("min_size_bytes")},
        {kWhich, "sync", "--max-size", "", "SIZE", "leave out larger files",
         size("max_size_bytes")},
        {kWhich, "sync", "--copy-links", "", "", "copy what symlinks lead to, not the links",
         option("symlinks=follow")},
        {kWhich, "sync", "--specials", "", "", "copy FIFOs, sockets and devices, too",
         option("special=copy")},
        {kWhich, "sync", "--copy-root", "", "", "to DST/NAME-OF-SRC, rather than into DST itself",
         option("copy_root=true")},

        {kSame, "sync", "--checksum", "", "", "same content, whatever the times say",
         option("compare=checksum")},
        {kSame, "sync", "--size-only", "", "", "same size is the same", option("compare=size")},
        {kSame, "sync", "--update", "", "", "leave what is newer at DST", option("compare=newer")},
        {kSame, "sync", "--ignore-existing", "", "", "leave what exists at DST",
         option("compare=exists")},
        {kSame, "sync", "--ignore-times", "", "", "copy all, whatever is at DST",
         option("compare=always")},
        {kSame, "sync", "--delete", "", "", "remove from DST what SRC does not have, at the end",
         option("delete=after")},
        {kSame, "sync", "--max-delete", "", "N|N%", "but not if it were more than that (50%)",
         option_of("max_delete")},
        {kSame, "sync", "--replace-type", "", "",
         "a file may give way to a directory, or a "
         "directory to a file",
         option("replace_type=true")},
        {kSame, "sync", "--dry-run", "", "", "say what would be done, and change nothing",
         option("dry_run=true")},

        {kHow, "sync", "--hard-links", "-H", "", "keep hard links", option("hardlinks=true")},
        {kHow, "sync", "--xattrs", "-X", "", "keep extended attributes", option("xattrs=true")},
        {kHow, "sync", "--acls", "-A", "", "keep ACLs", option("acls=true")},
        {kHow, "sync", "--atimes", "", "", "keep times of last access", option("atime=true")},
        {kHow, "sync", "--no-sparse", "", "", "write holes out as zeros", option("sparse=false")},
        {kHow, "sync", "--inplace", "", "", "write into files, rather than replace them whole",
         option("inplace=true")},
        {kHow, "sync", "--durability", "", "WHAT", "flush: none, file or file_and_directory",
         option_of("durability")},
        {kHow, "sync", "--verify", "", "WHEN", "check digests: transfer, readback or none",
         option_of("verify")},

        {kFar, "sync", "--bwlimit", "", "MBPS", "10^6 bits a second, over all agents",
         whole_number("bandwidth_limit_mbps")},
        {kFar, "sync", "--max-workers", "", "N", "workers that hold its work at once",
         whole_number("max_workers")},
        {kFar, "sync", "--priority", "", "N", "higher goes first (-1000..1000, 0)",
         whole_number("priority")},
        {kFar, "sync", "--max-attempts", "", "N", "attempts at each piece",
         whole_number("max_attempts")},
        {kFar, "sync", "--max-failures", "", "N", "stop when more files failed",
         whole_number("max_failures")},

        {kRequest, "sync", "--id", "", "ID", "its id, rather than a random one",
         text(&CommandLine::request_id)},
        {kRequest, "sync", "--chunk-size-mb", "", "N",
         "how large the pieces of large files are (1..1024, 64)",
         number(&CommandLine::chunk_size_mb)},
        {kRequest, "sync", "--option", "", "NAME=VALUE",
         "any option by its name, e.g. mount_wait_seconds=60 (repeatable)", any_option},
        {kRequest, "sync retry", "--wait", "", "",
         "show progress until it has ended; the exit code tells how (retry, too)",
         truth(&CommandLine::wait)},
        {kRequest, "sync retry", "--timeout", "", "SECONDS", "wait no longer",
         number(&CommandLine::timeout_seconds)},

        {kOthers, "status", "--state", "", "STATE", "status: only those in this state",
         text(&CommandLine::state)},
        {kOthers, "plugins", "--plugin-path", "", "DIR", "plugins: look here (repeatable)",
         list(&CommandLine::plugin_path)},

        {kAll, "", "--master", "", "URL",
         "the master (GODWIT_MASTER_URL, else http://127.0.0.1:8888)",
         text(&CommandLine::master_url)},
        {kAll, "", "--json", "", "", "machine-readable output", truth(&CommandLine::json)},
        {kAll, "", "--help", "-h", "", "this text", truth(&CommandLine::help)},
        {kAll, "", "--version", "", "", "the version of this program",
         truth(&CommandLine::version)},
    };
}

}  // namespace

std::span<const Command> commands() {
    return kCommands;
}

std::span<const Flag> flags() {
    static const std::vector<Flag> kFlags = make_flags();
    return kFlags;
}

const Flag* find_flag(std::string_view name) {
    for (const Flag& flag : flags()) {
        if (name == flag.name || (!flag.alias.empty() && name == flag.alias)) return &flag;
    }
    return nullptr;
}

std::vector<std::string_view> flag_names() {
    std::vector<std::string_view> names;
    for (const Flag& flag : flags()) {
        names.push_back(flag.name);
        if (!flag.alias.empty()) names.push_back(flag.alias);
    }
    return names;
}

bool is_for(const Flag& flag, std::string_view command) noexcept {
    if (flag.commands.empty()) return true;
    const std::size_t at = flag.commands.find(command);
    const std::size_t end = at + command.size();
    return at != std::string_view::npos && (at == 0 || flag.commands[at - 1] == ' ') &&
           (end == flag.commands.size() || flag.commands[end] == ' ');
}

}  // namespace godwit::cli
