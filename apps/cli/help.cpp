#include <algorithm>

#include "cli/flags.h"

namespace godwit::cli {
namespace {

constexpr std::size_t kColumn = 26;

constexpr std::string_view kHead =
    "godwit: the command line of Godwit, which moves data between the storage systems of "
    "clusters.\n\nUsage: godwit COMMAND [OPTIONS]\n\nCommands:\n";

constexpr std::string_view kTail = R"(
A bearer token is taken from GODWIT_TOKEN. docs/options.md tells more of each option of sync.

Exit codes:
  0 done                     5 master unreachable       24 done, but source files vanished
  1 usage                   11 request failed           25 nothing deleted: max-delete exceeded
  3 bad source or dest.     20 cancelled                30 waited too long
  4 refused by the master   23 done, but files failed

Examples:
  godwit sync /data/source /data/dest --wait
  godwit sync /data/source /data/dest --exclude '*.tmp' --delete --dry-run
  find /data/source -name '*.h5' -print0 | godwit sync /data/source /data/dest --files-from=- --from0
  godwit status demo-1 --json
)";

// "  left      right", with the right on a line of its own where the left is long.
std::string row(std::string_view left, std::string_view right) {
    std::string text = "  " + std::string{left};
    if (text.size() + 1 > kColumn) text += "\n";
    const std::size_t at = text.ends_with('\n') ? 0 : text.size();
    return text + std::string(kColumn - at, ' ') + std::string{right} + "\n";
}

std::string name_of(const Flag& flag) {
    std::string name;
    if (!flag.alias.empty()) name = std::string{flag.alias} + ", ";
    name += flag.name;
    if (!flag.value_name.empty()) name += " " + std::string{flag.value_name};
    return name;
}

}  // namespace

std::string help_text() {
    std::string text{kHead};
    for (const Command& command : commands()) {
        text += row(std::string{command.name} + " " + std::string{command.arguments}, command.help);
    }
    std::string_view section;
    for (const Flag& flag : flags()) {
        if (flag.section != section) {
            section = flag.section;
            text += "\n" + std::string{section} + ":\n";
        }
        text += row(name_of(flag), flag.help);
    }
    return text + std::string{kTail};
}

}  // namespace godwit::cli
