#include "agent/listing.h"

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

// What the source is, by lstat; a storage path itself is what its mount point leads to.
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
    return root;
}

// The first listing of a request finds out what source and destination are, once; what follows from
// it travels in every unit, so that no retry can see it otherwise.
model::AssignmentResult list_root(WorkContext& context) {
    const auto root = look_at_source(context);
    if (!root) {
        return hopeless(
            context.assignment,
            Trouble::of_source(wrap(
                root.error(), "source '" + base::printable(context.assignment.source_path) + "'")));
    }
    if (files::is_special(root->type)) {
        return hopeless(context.assignment,
                        {FileCode::Unsupported, "the source is neither a directory nor a file"});
    }
    auto opened = context.delivery.open(open_message(context.assignment, work::TREES));
    if (auto* trouble = std::get_if<Trouble>(&opened)) {
        return hopeless(context.assignment, *trouble);
    }
    const auto found = std::get<peer::Opened::Found>(opened);
    if (root->type == EntryType::Directory) {
        if (found != peer::Opened::NOTHING && found != peer::Opened::DIRECTORY) {
            return hopeless(context.assignment,
                            {FileCode::DestNotDirectory,
                             "the source is a directory, and something else is at '" +
                                 base::printable(context.assignment.destination_path) + "'",
                             ENOTDIR});
        }
        const auto source = open_source(context, work::TREES);
        if (!source) return hopeless(context.assignment, Trouble::of_source(source.error()));
        std::vector<work::DirectoryCursor> places(1);
        return Walk{context, *source, work::TREES}.run(std::move(places), {});
    }
    const work::Roots roots =
        found == peer::Opened::DIRECTORY || context.assignment.destination_slash
            ? work::FILE_INTO_TREE
            : work::FILE_TO_FILE;
    auto reopened = context.delivery.open(open_message(context.assignment, roots));
    if (auto* trouble = std::get_if<Trouble>(&reopened)) {
        return hopeless(context.assignment, *trouble);
    }
    const auto source = open_source(context, roots);
    if (!source) return hopeless(context.assignment, Trouble::of_source(source.error()));
    return Walk{context, *source, roots}.run_single(root->name);
}

}  // namespace

model::AssignmentResult list_source(WorkContext& context) {
    const work::Listing& listing = context.work.listing();
    if (listing.root()) return list_root(context);
    const work::Roots roots = context.work.roots();
    auto opened = context.delivery.open(open_message(context.assignment, roots));
    if (auto* trouble = std::get_if<Trouble>(&opened)) return failed(context.assignment, *trouble);
    const auto source = open_source(context, roots);
    if (!source) return failed(context.assignment, Trouble::of_source(source.error()));
    return Walk{context, *source, roots}.run(
        {listing.directories().begin(), listing.directories().end()},
        {listing.files().begin(), listing.files().end()});
}

}  // namespace godwit::agent
