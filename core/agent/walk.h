// The walk of one listing assignment.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/unit_builder.h"
#include "agent/work_context.h"
#include "base/time.h"
#include "files/listing.h"

namespace godwit::agent {

// Used once, on one thread.
class Walk {
public:
    Walk(WorkContext& context, const files::Tree& source, work::Roots roots);

    // Everything below these places, or as much as fits in one result.
    model::AssignmentResult run(std::vector<work::DirectoryCursor> places,
                                const std::vector<work::FileCursor>& large_files);
    // A source that is a single file (or symlink).
    model::AssignmentResult run_single(const std::string& name);

private:
    // A directory, or a slice of a very long one, whose entries are compared together.
    struct Slice {
        std::string path;
        files::Attributes attributes;
        std::vector<files::Entry> files;   // What is to be compared: files and symlinks.
        std::vector<std::string> targets;  // Of the symlinks in `files`, else empty.
        bool first = true;                 // Of its directory.
    };

    bool budget_left() const;
    void visit(work::DirectoryCursor cursor);
    void take_entry(int directory, Slice& slice, const std::string& name);
    void queue(Slice slice);
    void compare_queued();
    void compare(const Slice& slice, const peer::DirectoryAnswer& answer);
    void compare_file(const Slice& slice, std::size_t index, const peer::FoundEntry* found);
    void plan(const Slice& slice, std::size_t index, bool attributes_only);
    void directory_failed(const Slice& slice, const transfer::Trouble& trouble);
    void touch_parent(const std::string& path);
    void keep_directory(const std::string& path, const files::Attributes& attributes);
    void error(const std::string& path, const transfer::Trouble& trouble);
    model::AssignmentResult finish();

    WorkContext& context_;
    const files::Tree& source_;
    const base::Deadline slice_end_;
    sdk::Effects effects_;
    UnitBuilder units_;
    std::vector<work::DirectoryCursor> stack_;
    std::vector<Slice> queued_;
    std::size_t queued_names_ = 0;
    std::size_t entries_seen_ = 0;
    std::set<std::string> kept_;  // Directories whose attributes are to be set at the end.
    std::optional<transfer::Trouble> broken_;
};

}  // namespace godwit::agent
