#include "master/retry.h"

#include <algorithm>
#include <set>

#include "base/file_code.h"

namespace godwit::master {
namespace {

using sdk::Count;
using sdk::Counters;

constexpr std::size_t kErrorsPerPage = 1'000;

// A path that a list of files can name.
bool is_relative(const std::string& path) {
    return !path.empty() && path.front() != '/';
}

bool may_be_partial(const sdk::Request& request, const model::RequestOptions& options) {
    // Whether something at the destination is surplus only a whole listing can tell.
    if (options.delete_surplus != model::Delete::None) return false;
    // And which names are one file, only a listing of them all.
    if (options.hardlinks) return false;
    // A source that is no directory has counted none, and there is nothing to list in it.
    return request.state == sdk::RequestState::CompletedWithErrors &&
           request.counters[Count::Directories] > 0 && request.counters[Count::StepsGivenUp] == 0 &&
           request.counters[Count::FilesFailed] > 0 && request.error_count <= sdk::kErrorsMax;
}

}  // namespace

Counters without_failed(const Counters& counters) {
    const std::int64_t files = counters[Count::FilesCopied] + counters[Count::FilesVanished];
    const std::int64_t bytes = counters[Count::BytesPublished] + counters[Count::BytesVanished];
    // Ranges that were copied of a file that was not published in the end.
    const std::int64_t half_copied =
        std::max<std::int64_t>(0, counters[Count::BytesCopied] - counters[Count::BytesPublished]);
    Counters add;
    add[Count::FilesFailed] = -counters[Count::FilesFailed];
    add[Count::FilesDiscovered] = files + counters[Count::FilesSkipped] +
                                  counters[Count::FilesSpecial] - counters[Count::FilesDiscovered];
    add[Count::FilesPlanned] = std::min<std::int64_t>(0, files - counters[Count::FilesPlanned]);
    add[Count::BytesFailed] = -counters[Count::BytesFailed];
    add[Count::BytesCopied] = -half_copied;
    add[Count::BytesDiscovered] =
        -std::min(counters[Count::BytesDiscovered], counters[Count::BytesFailed] + half_copied);
    add[Count::BytesPlanned] = std::min<std::int64_t>(0, bytes - counters[Count::BytesPlanned]);
    return add;
}

Result<std::optional<std::vector<std::string>>> failed_files(sdk::StateStore& store,
                                                             const sdk::Request& request,
                                                             const model::RequestOptions& options) {
    std::optional<std::vector<std::string>> none;
    if (!may_be_partial(request, options)) return none;
    std::set<std::string> paths;
    std::string cursor;
    do {
        auto page = store.errors(request.id, cursor, kErrorsPerPage);
        if (!page) return std::move(page).error();
        for (sdk::FileError& error : page->errors) {
            if (error.code == base::to_string(base::FileCode::SourceVanished)) continue;
            if (!is_relative(error.path)) return none;
            paths.insert(std::move(error.path));
        }
        cursor = std::move(page->next);
    } while (!cursor.empty());
    // One error may stand for all files of a directory that could not be made.
    if (static_cast<std::int64_t>(paths.size()) != request.counters[Count::FilesFailed])
        return none;
    return std::optional{std::vector<std::string>{paths.begin(), paths.end()}};
}

}  // namespace godwit::master
