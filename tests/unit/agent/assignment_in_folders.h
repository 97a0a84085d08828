// Assignments of an agent that mounts both sides: a source and a destination in a temporary folder.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/copying.h"
#include "agent/listing.h"
#include "agent/unit_builder.h"
#include "fake_delivery.h"
#include "model/progress.h"
#include "support/process.h"
#include "support/tree.h"
#include "transfer/payload.h"

namespace godwit::agent {

using sdk::Count;

// What units say, opened and summed up over any number of results.
struct Plan {
    std::multiset<std::string> files;            // In packs, ranges and cursors; not publications.
    std::multiset<std::string> attributes_only;  // Of these.
    std::vector<std::string> directories;        // Whose attributes are to be set.
    std::vector<sdk::Unit> listings;
    std::vector<sdk::Unit> verdicts;                   // For the master, before any removal.
    std::multimap<std::uint32_t, sdk::Unit> removals;  // By stage.
    std::map<std::string, std::string> links;  // What is to become a hard link, and to what.
    std::map<std::string, std::uint64_t> range_bytes;  // By file.
    std::map<std::uint64_t, std::int64_t> parts_left;  // By group: promised and not yet made.
    sdk::Counters counters;
    std::vector<sdk::FileError> errors;

    void add(const sdk::Effects& effects) {
        counters += effects.counters;
        errors.insert(errors.end(), effects.errors.begin(), effects.errors.end());
        for (const sdk::Group& group : effects.groups) parts_left[group.id] += group.parts;
        for (const sdk::Unit& unit : effects.units) add(unit);
    }
    std::int64_t operator[](Count count) const { return counters[count]; }
    std::vector<std::string> error_codes() const {
        std::vector<std::string> codes;
        for (const sdk::FileError& error : errors) codes.push_back(error.path + ": " + error.code);
        return codes;
    }

private:
    void add(const sdk::Unit& unit) {
        const auto opened = transfer::open_payload(unit.payload);
        ASSERT_TRUE(opened) << opened.error().message;
        const work::Work& work = *opened;
        for (const work::DirectoryFiles& directory : work.pack().directories()) {
            for (const work::FileEntry& file : directory.files()) {
                const std::string path = path_of(directory.path(), file.name());
                files.insert(path);
                if (!file.link_to().empty()) {
                    EXPECT_EQ(unit.stage, model::kLinkStage);
                    links.emplace(path, file.link_to());
                }
                if (file.attributes_only()) attributes_only.insert(path);
            }
        }
        for (const work::DirectoryAttributes& directory : work.directories().directories()) {
            directories.push_back(directory.path());
        }
        if (work.has_range()) {
            const std::string path = path_of(work.range().directory(), work.range().file().name());
            if (work.range().offset() == 0) files.insert(path);
            range_bytes[path] += work.range().length();
            --parts_left[unit.group];
        }
        if (work.has_listing()) listings.push_back(unit);
        if (!work.has_removals()) return;
        if (unit.stage == model::kDeleteStage) {
            verdicts.push_back(unit);
        } else {
            removals.emplace(unit.stage, unit);
        }
    }
};

class AssignmentInFolders : public testing::Test {
protected:
    AssignmentInFolders() {
        std::filesystem::create_directory(source());
        std::filesystem::create_directory(destination());
        assignment_.id = {"r-1", {1, {2, 3}}};
        assignment_.worker = "worker";
        assignment_.destination = "worker";
        assignment_.source_path = source();
        assignment_.destination_path = destination();
        assignment_.chunk_bytes = 1 << 20;
        assignment_.attempt = 1;
        assignment_.attempts_max = 5;
        assignment_.unit.kind = sdk::UnitKind::Listing;
        assignment_.unit.label = "label";
    }

    std::string source(std::string_view relative = {}) const {
        return folder_.path("source" + slashed(relative));
    }
    std::string destination(std::string_view relative = {}) const {
        return folder_.path("destination" + slashed(relative));
    }
    // The destination becomes what the source is.
    void copy_all() const {
        std::filesystem::remove(destination());
        const auto copied = test_support::run({"/bin/cp", "-a", source(), destination()});
        ASSERT_EQ(copied.exit_code, 0) << copied.output;
    }

    template <class CarryOut>
    model::AssignmentResult carry_out(CarryOut&& how, const work::Work& work) {
        WorkContext context{assignment_,       work,       storage_paths_,
                            delivery_,         waits_,     long_directories_,
                            stop_.get_token(), look_again_};
        return how(context);
    }
    model::AssignmentResult list(const work::Work& work) { return carry_out(list_source, work); }
    // The first listing of a request.
    model::AssignmentResult list_root() {
        work::Work work;
        work.mutable_listing()->set_root(true);
        return list(work);
    }
    // A later one, of these directories.
    model::AssignmentResult list_directories(const std::vector<std::string>& paths) {
        work::Work work;
        for (const std::string& path : paths) {
            work.mutable_listing()->add_directories()->set_path(path);
        }
        return list(work);
    }
    // The plan of one result that must be good.
    static Plan plan_of(const model::AssignmentResult& result) {
        EXPECT_TRUE(result.success) << result.message;
        Plan plan;
        plan.add(result.effects);
        return plan;
    }
    // Lists until no listing is left.
    Plan list_all() { return list_rest(plan_of(list_root())); }
    Plan list_rest(Plan plan) {
        while (!plan.listings.empty()) {
            const sdk::Unit unit = plan.listings.back();
            plan.listings.pop_back();
            const auto work = transfer::open_payload(unit.payload);
            EXPECT_TRUE(work);
            const auto result = list(*work);
            EXPECT_TRUE(result.success) << result.message;
            EXPECT_LE(result.effects.units.size(), model::kUnitsPerResultMax);
            plan.add(result.effects);
            ++results_;
        }
        return plan;
    }

    test_support::TemporaryFolder folder_;
    std::vector<std::string> storage_paths_{folder_.path()};
    model::Assignment assignment_;
    std::stop_source stop_;
    std::function<std::vector<std::string>()> look_again_;
    files::LongDirectories long_directories_{1'000};
    transfer::Waits waits_;
    FakeDelivery delivery_{storage_paths_, stop_.get_token(), waits_};
    int results_ = 1;  // Of list_all().

private:
    static std::string slashed(std::string_view relative) {
        return relative.empty() ? std::string{} : "/" + std::string{relative};
    }
};

}  // namespace godwit::agent
