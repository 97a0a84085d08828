// Carries out a listing: walks directories of the source, asks the destination what it has under
// the same names, drops what is identical, and answers with units for the rest. And removals, which
// look at both sides in the same way.
#pragma once

#include "agent/work_context.h"

namespace godwit::agent {

// Walks until it found enough for one result, or a second has passed, so that copying starts early
// and others can take a share; the rest goes back as further listings.
model::AssignmentResult list_source(WorkContext& context);

// Removes what a listing found to be surplus; see DeleteWalk.
model::AssignmentResult remove_surplus(WorkContext& context);

}  // namespace godwit::agent
