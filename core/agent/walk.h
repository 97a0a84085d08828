// The walk of one listing assignment: reads directories of the source, asks the destination what it
// has under the same names, drops what is identical, and answers with units for the rest.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/rules.h"
#include "agent/unit_builder.h"
#include "agent/work_context.h"
#include "base/time.h"
#include "files/listing.h"
#include "transfer/source.h"

namespace godwit::agent {

// A directory, or a slice of a very long one, whose entries are compared together.
struct Slice {
    std::string path;
    files::Attributes attributes;
    std::string xattrs_digest;
    struct File {
        std::string name;
        files::Attributes attributes;
        std::string link_target;  // Of a symlink.
        std::string xattrs_digest;
    };
    std::vector<File> files;          // What is to be compared: everything but directories.
    std::vector<std::string> others;  // Names that the source has besides.
    bool first = true;                // Of its directory.
    std::string after;                // Where it begins: behind this name,
    std::string until;                // and ends; empty: at the end.
};

// Used once, on one thread.
class Walk {
public:
    // All of them outlive it.
    Walk(WorkContext& context, const files::Tree& source, work::Roots roots, const Rules& rules);

    // What the listing says, or as much as fits in one result.
    model::AssignmentResult run(const work::Listing& listing);
    // The first one of a request.
    model::AssignmentResult run_root(const work::Listing& listing);
    // A source that is a single file, symlink or special file.
    model::AssignmentResult run_single(const std::string& name);

private:
    using File = Slice::File;

    bool budget_left() const;
    void go_on_with(const work::FileCursor& cursor);
    // walk.cpp: the source
    void visit(work::DirectoryCursor cursor);
    void take_entry(const transfer::SourceFolder& folder, Slice& slice, const std::string& name);
    bool examine(const transfer::SourceFolder& folder, const std::string& path, File& file);
    bool is_left_out(const std::string& path, const File& file);
    bool leads_back(const std::string& path);
    std::string xattrs_digest_of(const transfer::SourceFolder& folder, const std::string& name);
    // walk_list.cpp: a list of files
    void visit_list(const work::Listing& listing);
    void visit_listed(const std::string& path, bool again);
    bool is_met_by_walk(const std::string& path) const;
    bool add_parents(const std::string& directory);
    Slice* slice_of(const std::string& directory);
    void missing(const std::string& path, bool again, const Error& error);
    // walk_compare.cpp: the destination
    void queue(Slice slice);
    void compare_queued();
    peer::DirectoryQuestion question_of(const Slice& slice) const;
    void take_answer(const Slice& slice, const peer::DirectoryAnswer& answer);
    void compare_file(const Slice& slice, std::size_t index, const peer::FoundEntry* found,
                      const std::string* carrier);
    void compare_digests();
    void settle(const Slice& slice, const File& file, Verdict verdict);
    void directory_failed(const Slice& slice, const transfer::Trouble& trouble);
    void plan(const Slice& slice, const File& file, bool attributes_only);
    void plan_link(const Slice& slice, const File& file, const std::string& carrier, bool stands);
    void touch_parent(const std::string& path);
    void keep_directory(const std::string& path, const files::Attributes& attributes);
    // walk_surplus.cpp: what only the destination has
    void take_surplus(const Slice& slice, const peer::DirectoryAnswer& answer);
    void plan_removal(const Slice& slice, const peer::DirectoryAnswer& answer,
                      std::uint64_t entries);
    void visit_surplus(work::DirectoryCursor cursor);
    std::optional<peer::DirectoryAnswer> look_into(const work::DirectoryCursor& cursor);
    std::optional<transfer::Trouble> why_it_stays(const std::string& directory);
    void surplus_failed(const std::string& path, const peer::Failure& failure);
    // walk.cpp: troubles, and the end
    void failed(const std::string& path, const File& file, const transfer::Trouble& trouble);
    void error(const std::string& path, const transfer::Trouble& trouble);
    // What may pass fails the whole listing, as long as that has an attempt left. False: it has
    // not, and the trouble is to be counted.
    bool tries_again(const transfer::Trouble& trouble);
    template <class T>
    const T* take(const transfer::Attempt<T>& attempt) {
        if (const auto* trouble = std::get_if<transfer::Trouble>(&attempt)) broken_ = *trouble;
        return std::get_if<T>(&attempt);
    }
    model::AssignmentResult finish();

    WorkContext& context_;
    const files::Tree& source_;
    const Rules& rules_;
    base::Deadline slice_end_;
    const base::Stopwatch watch_;
    sdk::Effects effects_;
    UnitBuilder units_;
    std::vector<work::DirectoryCursor> stack_;
    work::Listing list_left_;  // Of a list of files: what was not come to.
    std::vector<Slice> queued_;
    std::size_t queued_names_ = 0;
    std::size_t entries_seen_ = 0;
    // Same size as at the destination: waits for both contents to be read.
    struct Undecided {
        std::string path;  // Of its directory, whose attributes these are:
        files::Attributes directory;
        File file;
        peer::FoundEntry found;
    };
    static void add_question(peer::Digests& digests, const Undecided& item, std::uint64_t offset);
    void decide(const Undecided& item, std::string there);
    std::vector<Undecided> undecided_;
    std::map<std::string, Slice> listed_;  // Of a list of files, by directory.
    std::set<std::string> kept_;           // Directories whose attributes are to be set at the end.
    std::set<std::string> closed_;  // Directories that the destination would not let us into.
    std::optional<transfer::Trouble> broken_;
};

}  // namespace godwit::agent
