// Carries out chunks (packs of small files, ranges of large ones), publications and directory
// attributes.
#pragma once

#include "agent/work_context.h"

namespace godwit::agent {

model::AssignmentResult copy_pack(WorkContext& context);
model::AssignmentResult copy_range(WorkContext& context);
model::AssignmentResult publish_file(WorkContext& context);
model::AssignmentResult set_directories(WorkContext& context);

}  // namespace godwit::agent
