// What a UnitBuilder makes, opened.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "agent/unit_builder.h"
#include "agent/work_context.h"
#include "transfer/payload.h"

namespace godwit::agent {

inline work::FileEntry file_of(const std::string& name, std::uint64_t size) {
    work::FileEntry entry;
    entry.set_name(name);
    entry.mutable_attributes()->set_size(size);
    return entry;
}

inline work::Work opened(const sdk::Unit& unit) {
    auto work = transfer::open_payload(unit.payload);
    EXPECT_TRUE(work) << work.error().message;
    return work ? *work : work::Work{};
}

// The units of one result after the other: each has a builder of its own, as each assignment has.
class Units : public testing::Test {
protected:
    static constexpr std::uint64_t kChunk = 100;

    // One result, filled by `fill`.
    template <class Fill>
    const sdk::Effects& build(Fill&& fill) {
        effects_ = {};
        UnitBuilder builder{work::FILE_INTO_TREE, kChunk, effects_};
        fill(builder);
        builder.finish();
        return effects_;
    }
    std::vector<sdk::Unit> of_kind(sdk::UnitKind kind) const {
        std::vector<sdk::Unit> units;
        for (const sdk::Unit& unit : effects_.units) {
            if (unit.kind == kind) units.push_back(unit);
        }
        return units;
    }
    // Paths of the files in each pack.
    std::vector<std::vector<std::string>> packs() const {
        std::vector<std::vector<std::string>> packs;
        for (const sdk::Unit& unit : of_kind(sdk::UnitKind::Chunk)) {
            const work::Work work = opened(unit);
            if (!work.has_pack()) continue;
            std::vector<std::string>& paths = packs.emplace_back();
            for (const work::DirectoryFiles& directory : work.pack().directories()) {
                for (const work::FileEntry& entry : directory.files()) {
                    paths.push_back(path_of(directory.path(), entry.name()));
                }
            }
        }
        return packs;
    }

    sdk::Effects effects_;
};

}  // namespace godwit::agent
