// A file becomes visible in two steps; for tests that mean both.
#pragma once

#include <string>
#include <utility>

#include "files/publish.h"

namespace godwit::files {

inline Result<Applied> publish_file(NewFile& file, const std::string& name,
                                    const Attributes& wanted, Durability durability,
                                    const Finish& finish = {}, Times times = Times::Modified) {
    auto applied = file.prepare(wanted, durability, finish, times);
    if (!applied) return applied;
    if (auto status = file.appear(name, durability); !status) return std::move(status).error();
    return applied;
}

}  // namespace godwit::files
