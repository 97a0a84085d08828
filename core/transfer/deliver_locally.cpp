#include "base/ids.h"
#include "transfer/delivery.h"
#include "transfer/messages.h"

namespace godwit::transfer {
namespace {

// Ranges are copied in steps, so that a stop is noticed in between.
constexpr std::uint64_t kCopyStepBytes = 64 << 20;

// The worker mounts both sides: bytes go from descriptor to descriptor, in the kernel where the
// file systems can, and no staging memory is touched.
class LocalDelivery final : public Delivery {
public:
    LocalDelivery(std::vector<std::string> storage_paths, Ledger& ledger, std::stop_token stop)
        : storage_paths_{std::move(storage_paths)}, ledger_{ledger}, stop_{std::move(stop)} {}

    Attempt<peer::Opened::Found> open(const peer::Open& open) override {
        auto opened = Destination::open(open, storage_paths_, ledger_);
        if (!opened) return Trouble::of_destination(opened.error());
        destination_ = std::move(*opened);
        return destination_->found();
    }

    Attempt<peer::Viewed> view(peer::View view) override { return destination_->view(view); }

    PackReport send_pack(const files::Tree& source, const work::Pack& pack) override {
        PackReport report{pack};
        for (int d = 0; d < pack.directories_size(); ++d) {
            const work::DirectoryFiles& files = pack.directories(d);
            const auto directory = source.open_directory(files.path());
            for (int f = 0; f < files.files_size(); ++f) {
                if (stop_.stop_requested()) {
                    report.broken = Trouble::stopped();
                    return report;
                }
                Trouble trouble;
                if (!directory) {
                    trouble = Trouble::of_listed(directory.error());
                } else if (copy(directory->get(), files.path(), files.files(f), report, trouble)) {
                    report.set_done({d, f});
                    continue;
                }
                report.set_problem({d, f}, std::move(trouble));
            }
        }
        return report;
    }

    RangeReport send_range(const files::Tree& source, const work::Range& work) override {
        RangeReport report;
        Trouble trouble;
        if (copy_range(source, work, report, trouble)) {
            peer::Flush flush;
            flush.set_directory(work.directory());
            flush.set_name(work.file().name());
            flush.set_file_size(work.file().attributes().size());
            flush.set_temporary(work.temporary());
            auto flushed = destination_->flush(flush);
            if (!flushed) report.broken = Trouble::of_destination(flushed.error());
            return report;
        }
        report.changed = trouble.is_of_listing();
        if (!report.changed) report.broken = std::move(trouble);
        return report;
    }

    Attempt<peer::Published> publish(peer::Publish publish) override {
        const auto applied = destination_->publish(publish);
        if (!applied) return Trouble::of_destination(applied.error());
        peer::Published published;
        published.set_owner_dropped(!applied->owner_kept);
        return published;
    }

    Attempt<peer::DirectoriesDone> set_directories(peer::Directories directories) override {
        return destination_->set_directories(directories);
    }

private:
    bool copy(int directory, const std::string& path, const work::FileEntry& entry,
              PackReport& report, Trouble& trouble) {
        std::optional<SourceFile> file;
        if (has_content(entry)) {
            auto opened = SourceFile::open(directory, entry, trouble);
            if (!opened) return false;
            file.emplace(std::move(*opened));
        }
        const auto applied = destination_->copy_file(path, entry, file ? &*file : nullptr);
        if (applied) {
            report.owner_dropped = report.owner_dropped || !applied->owner_kept;
            return true;
        }
        trouble = applied.error().code == Code::Conflict ? Trouble::changed()
                                                         : Trouble::of_destination(applied.error());
        return false;
    }

    bool copy_range(const files::Tree& source, const work::Range& work, RangeReport& report,
                    Trouble& trouble) {
        const auto directory = source.open_directory(work.directory());
        if (!directory) {
            trouble = Trouble::of_listed(directory.error());
            return false;
        }
        const auto file = SourceFile::open(directory->get(), work.file(), trouble);
        if (!file) return false;
        peer::Range range;
        range.set_directory(work.directory());
        range.set_name(work.file().name());
        range.set_file_size(work.file().attributes().size());
        range.set_temporary(work.temporary());
        while (report.bytes_written < work.length()) {
            if (stop_.stop_requested()) {
                trouble = Trouble::stopped();
                return false;
            }
            range.set_offset(work.offset() + report.bytes_written);
            const std::uint64_t step =
                std::min(kCopyStepBytes, work.length() - report.bytes_written);
            const auto copied = destination_->copy_range(range, step, file->fd());
            if (!copied) {
                trouble = Trouble::of_destination(copied.error());
                return false;
            }
            report.bytes_written += *copied;
            if (*copied < step) break;
        }
        if (report.bytes_written == work.length() && file->is_unchanged()) return true;
        trouble = Trouble::changed();
        return false;
    }

    const std::vector<std::string> storage_paths_;
    Ledger& ledger_;
    const std::stop_token stop_;
    std::shared_ptr<Destination> destination_;
};

}  // namespace

std::unique_ptr<Delivery> deliver_locally(std::vector<std::string> storage_paths, Ledger& ledger,
                                          std::stop_token stop) {
    return std::make_unique<LocalDelivery>(std::move(storage_paths), ledger, std::move(stop));
}

}  // namespace godwit::transfer
