// What became of files, as effects; knows nothing of how they were copied.
#pragma once

#include <string>

#include "agent/unit_builder.h"
#include "agent/work_context.h"
#include "transfer/source.h"

namespace godwit::agent {

// Used by one executor.
class Bookkeeper {
public:
    // Both outlive it.
    Bookkeeper(WorkContext& context, const files::Tree& source);

    void copied(const work::FileEntry& entry);
    // A link that was as it should be already.
    void unchanged(const work::FileEntry& entry);
    void vanished(const std::string& directory, const work::FileEntry& entry);
    void failed(const std::string& directory, const work::FileEntry& entry,
                const transfer::Trouble& trouble);
    // Plans a file as it is now, or gives it up when it changes all the time.
    void changed(const std::string& path, const work::FileEntry& entry);
    // What was written of it is gone at the destination: plans it once more, as often as that.
    void written_in_vain(const std::string& path, const work::FileEntry& entry,
                         const transfer::Trouble& trouble);
    void lost(const peer::Losses& losses) { effects_.message = warning_of(losses); }

    sdk::Effects& effects() noexcept { return effects_; }
    sdk::Effects take();

private:
    void record(const std::string& directory, const work::FileEntry& entry,
                const transfer::Trouble& trouble);
    // `trouble` is what becomes of it when that has been done too often.
    void plan_once_more(const std::string& path, const work::FileEntry& entry,
                        const transfer::Trouble& trouble);
    void plan_anew(const transfer::SourceFolder& folder, const work::FileEntry& entry,
                   const files::Attributes& now);
    void copy_whole(const transfer::SourceFolder& folder, work::FileEntry& entry,
                    std::uint64_t bytes_passed_over);

    WorkContext& context_;
    const files::Tree& source_;
    sdk::Effects effects_;
    UnitBuilder units_;
};

// Of an entry's content; 0 where none is sent.
std::int64_t bytes_of(const work::FileEntry& entry);

}  // namespace godwit::agent
