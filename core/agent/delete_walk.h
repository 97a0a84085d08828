// Removes what is surplus at the destination (options.delete): the walk of one assignment, after
// all copies and once the master has allowed it.
//
// It looks at the source anew: what is there by now is not removed. A directory that only the
// destination has is emptied from its leaves on. All that is removed is gone when a result comes,
// so that an assignment may end anywhere, and another starts from the top of what is left.
#pragma once

#include <string>
#include <vector>

#include "agent/rules.h"
#include "agent/unit_builder.h"
#include "agent/work_context.h"
#include "base/time.h"

namespace godwit::agent {

// Used once, on one thread.
class DeleteWalk {
public:
    // All of them outlive it.
    DeleteWalk(WorkContext& context, const files::Tree& source, work::Roots roots,
               const Rules& rules);

    model::AssignmentResult run(const work::Listing& listing);

private:
    // A directory of the destination that the source does not have.
    struct Doomed {
        std::string path;
        std::string after;     // Where its listing goes on.
        bool has_more = true;  // It was not listed to its end.
        bool is_kept = false;  // Something protected is in it, or could not be removed.
    };

    bool budget_left() const;
    void visit(work::DirectoryCursor cursor);
    bool remove_slice(const std::string& path, const std::string& after, const std::string& until,
                      std::vector<std::string> present);
    // False: the budget ended first, or it broke.
    bool remove_below(const std::string& path);
    bool step_into(std::vector<Doomed>& chain);
    std::optional<peer::DirectoryAnswer> ask(peer::DirectoryQuestion question);
    // How many of the names are still there.
    int remove(const std::string& directory, const std::vector<std::string>& names);
    void touched(const std::string& path);

    WorkContext& context_;
    const files::Tree& source_;
    const Rules& rules_;
    const base::Deadline end_;
    sdk::Effects effects_;
    UnitBuilder units_;
    std::vector<work::DirectoryCursor> stack_;
    std::size_t steps_ = 0;
    std::optional<transfer::Trouble> broken_;
};

}  // namespace godwit::agent
