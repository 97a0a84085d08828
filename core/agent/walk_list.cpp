// The walk over a list of files (file_list, and what has failed before).
#include <algorithm>
#include <cerrno>
#include <utility>

#include "agent/walk.h"

namespace godwit::agent {
namespace {

using base::FileCode;
using files::EntryType;
using sdk::Count;
using transfer::SourceFolder;
using transfer::Trouble;

// They are never listed as source, also when they are asked for: a sweep would remove them.
bool leads_to_a_temporary(std::string_view path) {
    for (files::SplitPath split = files::split(path);; split = files::split(split.directory)) {
        if (files::is_temporary(split.name)) return true;
        if (split.directory.empty()) return false;
    }
}

}  // namespace

void Walk::visit_list(const work::Listing& listing) {
    const bool again = listing.again();
    list_left_.set_again(again);
    bool first = true;
    for (const std::string& path : listing.paths()) {
        if (std::exchange(first, false) || budget_left()) {
            visit_listed(path, again);
        } else {
            list_left_.add_paths(path);
        }
    }
    for (const std::string& path : listing.covered()) {
        if (!std::exchange(first, false) && !budget_left()) {
            list_left_.add_covered(path);
        } else if (!is_met_by_walk(path)) {
            visit_listed(path, again);
        }
    }
    // Directories come before what is in them: that is the order of a map of paths.
    for (auto& [directory, slice] : listed_) {
        std::sort(slice.files.begin(), slice.files.end(),
                  [](const File& a, const File& b) { return a.name < b.name; });
        std::sort(slice.others.begin(), slice.others.end());
        queue(std::move(slice));
    }
    listed_.clear();
    compare_queued();
}

// Of what lies beneath another entry of the list.
bool Walk::is_met_by_walk(const std::string& path) const {
    const files::SplitPath split = files::split(path);
    const auto folder = SourceFolder::open(source_, std::string{split.directory});
    return folder && files::stat_at(folder->fd(), std::string{split.name});
}

void Walk::visit_listed(const std::string& path, bool again) {
    if (path.empty()) {
        stack_.emplace_back();
        return;
    }
    if (leads_to_a_temporary(path)) {
        return missing(path, again, {Code::NotFound, "a name of temporary files", ENOENT});
    }
    const files::SplitPath split = files::split(path);
    const std::string directory{split.directory};
    const auto folder = SourceFolder::open(source_, directory);
    const auto there = folder ? files::stat_at(folder->fd(), std::string{split.name})
                              : Result<files::Attributes>{folder.error()};
    if (!there) return missing(path, again, there.error());
    if (!add_parents(directory)) return;
    take_entry(*folder, *slice_of(directory), std::string{split.name});
}

void Walk::missing(const std::string& path, bool again, const Error& error) {
    if (tries_again(Trouble::of_source(error))) return;
    effects_.counters[Count::FilesDiscovered] += 1;
    if (again && error.code == Code::NotFound) {
        effects_.counters[Count::FilesVanished] += 1;
        this->error(path, Trouble::of_listed(error));
        return;
    }
    effects_.counters[Count::FilesFailed] += 1;
    Trouble trouble = Trouble::of_source(error);
    if (source_.follows() && error.native == EXDEV) trouble.code = FileCode::SymlinkOutside;
    this->error(path, trouble);
}

// The directories above a listed file are made, with their attributes. False: one is left out.
bool Walk::add_parents(const std::string& directory) {
    if (directory.empty()) return true;
    if (listed_.contains(directory)) return true;
    if (!add_parents(std::string{files::split(directory).directory})) return false;
    return !rules_.excludes(directory, true);
}

Slice* Walk::slice_of(const std::string& directory) {
    for (std::string at = directory;; at = files::split(at).directory) {
        if (!listed_.contains(at)) {
            Slice slice;
            slice.path = at;
            const auto folder = SourceFolder::open(source_, at);
            const auto attributes =
                folder ? files::stat_of(folder->fd()) : Result<files::Attributes>{folder.error()};
            if (attributes) {
                slice.attributes = *attributes;
                slice.xattrs_digest = xattrs_digest_of(*folder, "");
                effects_.counters[Count::Directories] += 1;
            } else {
                slice.first = false;  // Gone meanwhile: its attributes are not known.
            }
            listed_.emplace(at, std::move(slice));
        }
        if (at.empty()) break;
    }
    return &listed_.at(directory);
}

}  // namespace godwit::agent
