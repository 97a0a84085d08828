#include "agent/listing.h"

#include <algorithm>
#include <optional>

#include "agent/delete_walk.h"
#include "agent/walk.h"
#include "base/bytes.h"
#include "files/attributes.h"

namespace godwit::agent {
namespace {

using base::FileCode;
using files::EntryType;
using transfer::Trouble;

struct SourceRoot {
    EntryType type = EntryType::Directory;
    std::string name;  // Its last component.
};

// What the source is: by lstat, or, where links are followed, what it leads to. A storage path
// itself is what its mount point leads to.
Result<SourceRoot> look_at_source(const WorkContext& context) {
    sdk::Worker self;
    self.storage_paths = context.storage_paths;
    const std::string& path = context.assignment.source_path;
    if (sdk::mount_of(self, path) == path) return SourceRoot{};
    auto folder = open_source(context, work::FILE_INTO_TREE);
    if (!folder) return std::move(folder).error();
    SourceRoot root;
    root.name = path.substr(path.rfind('/') + 1);
    auto attributes = files::stat_at(folder->fd(), root.name);
    if (!attributes) return std::move(attributes).error();
    root.type = attributes->type;
    // What leads nowhere, or outside, is an error of that one file, which its listing tells.
    if (root.type != EntryType::Symlink || !folder->follows()) return root;
    const auto end = folder->open_real(root.name);
    const auto followed = end ? files::stat_of(end->get()) : Result<files::Attributes>{end.error()};
    if (followed && followed->type == EntryType::Directory) root.type = EntryType::Directory;
    return root;
}

// Where the destination is on this worker: the directory itself, or the nearest one above it.
struct DestinationHere {
    files::Tree tree;
    bool is_above = false;
};

std::optional<DestinationHere> find_destination(const WorkContext& context) {
    sdk::Worker self;
    self.storage_paths = context.storage_paths;
    std::string path = context.assignment.destination_path;
    const std::string storage_path{sdk::mount_of(self, path)};
    if (storage_path.empty()) return {};
    for (;;) {
        auto tree = files::Tree::open(storage_path, path);
        const bool is_above = path != context.assignment.destination_path;
        if (tree) return DestinationHere{std::move(*tree), is_above};
        if (tree.error().code != Code::NotFound || path == storage_path) return {};
        path = path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
    }
}

// How source and destination overlap, seen by a worker that mounts both: through symlinks, say, or
// two mounts of one file system, which their paths do not tell. Copied, it would never end.
std::string overlap_of(const WorkContext& context, const files::Tree& source) {
    const auto there = find_destination(context);
    if (!there) return {};
    const bool inside = files::is_within(there->tree.fd(), source.fd());
    const bool around = !there->is_above && files::is_within(source.fd(), there->tree.fd());
    if (inside && around) return "source and destination are the same directory";
    if (inside) return "the destination lies inside of the source";
    if (around) return "the source lies inside of the destination";
    return {};
}

model::AssignmentResult list_trees(WorkContext& context, const peer::Opened& there) {
    const model::Assignment& assignment = context.assignment;
    if (there.found() != peer::Opened::NOTHING && there.found() != peer::Opened::DIRECTORY) {
        return hopeless(assignment, {FileCode::DestNotDirectory,
                                     "the source is a directory, and something else is at '" +
                                         base::printable(assignment.destination_path) + "'",
                                     ENOTDIR});
    }
    const auto source = open_source(context, work::TREES);
    if (!source) return hopeless(assignment, Trouble::of_source(source.error()));
    if (const std::string overlap = overlap_of(context, *source); !overlap.empty()) {
        return hopeless(assignment, {FileCode::Overlap,
                                     overlap + ", seen on worker '" + assignment.worker + "'"});
    }
    const auto rules = Rules::make(assignment.options, there);
    if (!rules) return hopeless(assignment, {FileCode::Unsupported, rules.error().message});
    work::Listing listing = context.work.listing();
    listing.set_root(false);
    if (listing.paths_size() == 0 && listing.covered_size() == 0) listing.add_directories();
    return Walk{context, *source, work::TREES, *rules}.run_root(listing);
}

// What an earlier run has found out holds, whatever is at the destination by now: a file that was
// to get its name must not land in a directory that somebody has made there meanwhile.
work::Roots roots_of_file(const model::Assignment& assignment, const peer::Opened& there) {
    if (assignment.resolution == model::kIntoDirectory) return work::FILE_INTO_TREE;
    if (assignment.resolution == model::kAsNamed) return work::FILE_TO_FILE;
    const bool is_directory = there.found() == peer::Opened::DIRECTORY;
    return is_directory || assignment.destination_slash ? work::FILE_INTO_TREE : work::FILE_TO_FILE;
}

// The first listing of a request finds out what source and destination are, once; what follows from
// it travels in every unit, so that no retry can see it otherwise.
model::AssignmentResult list_root(WorkContext& context) {
    const model::Assignment& assignment = context.assignment;
    const auto root = look_at_source(context);
    if (!root) {
        return hopeless(
            assignment,
            Trouble::of_source(
                wrap(root.error(), "source '" + base::printable(assignment.source_path) + "'")));
    }
    const bool is_directory = root->type == EntryType::Directory;
    const bool copies_special = assignment.options.special == model::Special::Copy;
    if (files::is_special(root->type) && !copies_special) {
        return hopeless(assignment,
                        {FileCode::Unsupported,
                         "the source is a special file (options.special: copy copies those, too)"});
    }
    const work::Listing& listing = context.work.listing();
    const bool named = listing.paths_size() != 0 || listing.covered_size() != 0;
    // A retry names what has failed: of a single file, that file.
    if (!is_directory && named && !listing.again()) {
        return hopeless(assignment, {FileCode::SourceMissing,
                                     "a file_list needs a directory as its source", ENOTDIR});
    }
    auto looked = context.delivery.open(open_message(assignment, work::TREES));
    if (auto* trouble = std::get_if<Trouble>(&looked)) return hopeless(assignment, *trouble);
    const peer::Opened& there = std::get<peer::Opened>(looked);
    if (is_directory) return list_trees(context, there);

    const work::Roots roots = roots_of_file(assignment, there);
    auto reopened = context.delivery.open(open_message(assignment, roots));
    if (auto* trouble = std::get_if<Trouble>(&reopened)) return hopeless(assignment, *trouble);
    const auto source = open_source(context, roots);
    if (!source) return hopeless(assignment, Trouble::of_source(source.error()));
    const auto rules = Rules::make(assignment.options, std::get<peer::Opened>(reopened));
    if (!rules) return hopeless(assignment, {FileCode::Unsupported, rules.error().message});
    auto result = Walk{context, *source, roots, *rules}.run_single(root->name);
    result.effects.resolution =
        roots == work::FILE_INTO_TREE ? model::kIntoDirectory : model::kAsNamed;
    return result;
}

// Opens both sides of a later assignment, and goes on with them.
template <class GoOn>
model::AssignmentResult with_both_sides(WorkContext& context, GoOn&& go_on) {
    const work::Roots roots = context.work.roots();
    auto opened = context.delivery.open(open_message(context.assignment, roots));
    if (auto* trouble = std::get_if<Trouble>(&opened)) return failed(context.assignment, *trouble);
    const auto source = open_source(context, roots);
    if (!source) return failed(context.assignment, Trouble::of_source(source.error()));
    const auto rules = Rules::make(context.assignment.options, std::get<peer::Opened>(opened));
    if (!rules) {
        return hopeless(context.assignment, {FileCode::Unsupported, rules.error().message});
    }
    return go_on(*source, *rules);
}

}  // namespace

model::AssignmentResult list_source(WorkContext& context) {
    const work::Listing& listing = context.work.listing();
    if (listing.root()) return list_root(context);
    return with_both_sides(context, [&](const files::Tree& source, const Rules& rules) {
        return Walk{context, source, context.work.roots(), rules}.run(listing);
    });
}

model::AssignmentResult remove_surplus(WorkContext& context) {
    return with_both_sides(context, [&](const files::Tree& source, const Rules& rules) {
        return DeleteWalk{context, source, context.work.roots(), rules}.run(
            context.work.removals());
    });
}

}  // namespace godwit::agent
