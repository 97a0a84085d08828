// Removes what planning found to be surplus at the destination (options.delete): the walk of one
// assignment, after all copies and once the master has allowed it.
//
// What it may remove is what the master has allowed by its number: of each part of a directory as
// many entries as were surplus when it was listed, and no more, however the source has changed
// since. It looks at the source anew: what is there by now is not removed; nothing is in a
// directory that is another one by now (its file system was unmounted, say), and nothing at all
// when the source is empty. What is surplus beyond that is left to the next sync.
//
// Files and empty directories only: what is in a directory has a removal of its own, before it. All
// that is removed is gone when a result comes, so that an assignment may end anywhere.
#pragma once

#include <string>
#include <vector>

#include "agent/rules.h"
#include "agent/unit_builder.h"
#include "agent/work_context.h"
#include "base/time.h"
#include "transfer/source.h"

namespace godwit::agent {

// Used once, on one thread.
class DeleteWalk {
public:
    // All of them outlive it.
    DeleteWalk(WorkContext& context, const files::Tree& source, work::Roots roots,
               const Rules& rules);

    model::AssignmentResult run(const work::Removals& removals);

private:
    bool budget_left() const;
    // Whether the source holds nothing, or cannot tell.
    bool source_is_empty();
    model::AssignmentResult refuse() const;
    model::AssignmentResult break_off();
    void visit(work::Removal removal);
    // The part up to `until`, in which the source has `present`. Advances `removal`. False: the
    // budget ended first, or it broke.
    bool remove_part(work::Removal& removal, const std::string& until,
                     const std::vector<std::string>& present);
    std::optional<peer::DirectoryAnswer> ask(const work::Removal& removal, const std::string& until,
                                             const std::vector<std::string>& present);
    void remove(work::Removal& removal, const std::vector<std::string>& names);
    void failed(const std::string& path, const transfer::Trouble& trouble);

    WorkContext& context_;
    const files::Tree& source_;
    const Rules& rules_;
    const base::Deadline end_;
    sdk::Effects effects_;
    UnitBuilder units_;
    std::vector<work::Removal> stack_;  // What comes next is the last.
    std::size_t steps_ = 0;
    std::optional<transfer::Trouble> broken_;
};

}  // namespace godwit::agent
