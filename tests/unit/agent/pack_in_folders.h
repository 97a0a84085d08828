// A pack of small files, and what becomes of it.
#pragma once

#include "assignment_in_folders.h"
#include "transfer/messages.h"

namespace godwit::agent {

class Copying : public AssignmentInFolders {
protected:
    // What was listed of a file just now.
    work::FileEntry listed(const std::string& name) const {
        const auto root = files::Tree::open(folder_.path(), source());
        work::FileEntry entry;
        entry.set_name(name);
        *entry.mutable_attributes() = transfer::to_message(*files::stat_at(root->fd(), name));
        return entry;
    }
    // A pack of these files, of eight bytes each.
    void make_pack(const std::vector<std::string>& names) {
        work::DirectoryFiles& directory = *work_.mutable_pack()->add_directories();
        for (const std::string& name : names) {
            test_support::write_text(source(name), "content!");
            *directory.add_files() = listed(name);
        }
        assignment_.unit.kind = sdk::UnitKind::Chunk;
        assignment_.unit.files = names.size();
        assignment_.unit.bytes = 8 * names.size();
    }
    model::AssignmentResult copy() { return carry_out(copy_pack, work_); }
    // The file with this index of the pack has this trouble, all others are done.
    void report_trouble(int index, const transfer::Trouble& trouble) {
        delivery_.report_pack = [=](const work::Pack& pack) {
            transfer::PackReport report{pack};
            for (int i = 0; i < pack.directories(0).files_size(); ++i) {
                if (i == index) {
                    report.set_problem({0, i}, trouble);
                } else {
                    report.set_done({0, i});
                }
            }
            return report;
        };
    }
    static std::vector<std::string> rest_of(const model::AssignmentResult& result) {
        std::vector<std::string> names;
        if (!result.rest) return names;
        const auto work = transfer::open_payload(result.rest->payload);
        EXPECT_TRUE(work);
        for (const auto& directory : work->pack().directories()) {
            for (const auto& file : directory.files()) names.push_back(file.name());
        }
        EXPECT_EQ(result.rest->files, names.size());
        EXPECT_EQ(result.rest->bytes, 8 * names.size());
        return names;
    }
    static Plan effects_of(const model::AssignmentResult& result) {
        Plan plan;
        plan.add(result.effects);
        return plan;
    }

    work::Work work_;
};

}  // namespace godwit::agent
