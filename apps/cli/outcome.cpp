#include "cli/outcome.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/bytes.h"

namespace godwit::cli {
namespace {

// What a request fails with whose source or destination is not one, and stays so.
constexpr std::array<std::string_view, 11> kBadPathReasons{
    "source_missing",  "dest_not_directory", "permission_denied",    "read_only",
    "overlap",         "type_conflict",      "name_too_long",        "symlink_loop",
    "symlink_outside", "no_source_worker",   "no_destination_worker"};

std::string counted(std::int64_t count, const char* one, const char* many) {
    return std::to_string(count) + " " + (count == 1 ? one : many);
}

std::string path_of(const Object& error) {
    const auto bytes = base::from_base64(text_of(error, "path_b64"));
    const std::string path = bytes && !bytes->empty() ? *bytes : text_of(error, "path");
    return path.empty() ? "." : base::printable(path, 4096);
}

using Row = std::array<std::string, 4>;

Row row_of(const Object& error) {
    return {text_of(error, "code"), text_of(error, "worker_id"), path_of(error),
            base::printable(text_of(error, "message"), 4096)};
}

}  // namespace

bool is_over(const std::string& state) {
    return state == "COMPLETED" || state == "COMPLETED_WITH_ERRORS" || state == "FAILED" ||
           state == "CANCELLED";
}

int exit_code_of(const Object& progress) {
    const std::string state = text_of(progress, "state");
    const std::string reason = text_of(progress, "reason");
    if (state == "CANCELLED") return kCancelled;
    if (reason == "max_delete_exceeded") return kMaxDelete;
    if (state == "COMPLETED") {
        return number_of(object_of(progress, "files"), "vanished") > 0 ? kFilesVanished : kDone;
    }
    if (state == "COMPLETED_WITH_ERRORS") return kFilesFailed;
    const bool bad_path =
        std::find(kBadPathReasons.begin(), kBadPathReasons.end(), reason) != kBadPathReasons.end();
    return bad_path ? kBadPath : kFailed;
}

std::string dry_run_summary(const Object& progress) {
    const Object files = object_of(progress, "files");
    const Object bytes = object_of(progress, "bytes");
    std::string text = "would copy " + counted(number_of(files, "planned"), "file", "files") +
                       " (" + base::format_bytes(static_cast<double>(number_of(bytes, "planned"))) +
                       ")";
    if (const auto surplus = number_of(files, "surplus")) {
        text += ", delete " + counted(surplus, "entry", "entries");
    }
    if (const auto same = number_of(files, "skipped")) {
        text += "; " + counted(same, "is", "are") + " the same already";
    }
    if (const auto special = number_of(files, "special")) {
        text += "; " + std::to_string(special) + " special left out";
    }
    if (const auto failed = number_of(files, "failed")) {
        text += "; " + std::to_string(failed) + " cannot be copied";
    }
    // A refusal to delete: how the sync itself would end.
    if (!text_of(progress, "reason").empty()) {
        text += "; " + text_of(object_of(progress, "detail"), "master");
    }
    return text;
}

std::string error_table(const std::vector<Object>& errors) {
    if (errors.empty()) return {};
    std::vector<Row> rows{{"CODE", "WORKER", "PATH", "MESSAGE"}};
    for (const Object& error : errors) rows.push_back(row_of(error));
    std::array<std::size_t, 3> widths{};
    for (const Row& row : rows) {
        for (std::size_t i = 0; i < widths.size(); ++i) {
            widths[i] = std::max(widths[i], row[i].size());
        }
    }
    // One long path shall not push all messages off the screen.
    widths[2] = std::min<std::size_t>(widths[2], 48);
    std::string table;
    for (const Row& row : rows) {
        for (std::size_t i = 0; i < widths.size(); ++i) {
            table += row[i];
            table.append(widths[i] > row[i].size() ? widths[i] - row[i].size() : 0, ' ');
            table += "  ";
        }
        table += row.back() + "\n";
    }
    return table;
}

}  // namespace godwit::cli
