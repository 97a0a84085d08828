#include <algorithm>

#include "transfer/delivery.h"
#include "transfer/messages.h"
#include "transfer/resume.h"
#include "transfer/stream.h"

namespace godwit::transfer {
namespace {

// Ranges are copied in steps, so that a stop is noticed in between.
constexpr std::uint64_t kCopyStepBytes = 64 << 20;
// Shorter ones where the bandwidth is limited, so that it is held evenly.
constexpr std::uint64_t kPacedStepBytes = 1 << 20;

// The worker mounts both sides: bytes go from descriptor to descriptor, in the kernel where the
// file systems can, and no staging memory is touched.
class LocalDelivery final : public Delivery {
public:
    LocalDelivery(std::vector<std::string> storage_paths, Ledger& ledger, DeliveryMeans means)
        : storage_paths_{std::move(storage_paths)}, ledger_{ledger}, means_{std::move(means)} {}

    Attempt<peer::Opened> open(const peer::Open& open) override {
        auto opened = Destination::open(open, storage_paths_, ledger_, means_.is_given_up);
        if (!opened) return Trouble::of_destination(opened.error());
        destination_ = std::move(*opened);
        sending_ = sending_of(open, 0);
        return destination_->opened();
    }

    Attempt<peer::Viewed> view(peer::View view) override {
        const Waiting waiting{means_.waits.destination_metadata};
        return destination_->view(view);
    }
    Attempt<peer::DigestsDone> digests(peer::Digests digests) override {
        return destination_->digests(digests);
    }
    Attempt<peer::Removed> remove(peer::Remove remove) override {
        return unless_given_up(destination_->remove(remove));
    }

    PackReport send_pack(const files::Tree& source, const work::Pack& pack,
                         PackReport report) override {
        for (int d = 0; d < pack.directories_size(); ++d) {
            const work::DirectoryFiles& files = pack.directories(d);
            const auto folder = SourceFolder::open(source, files.path());
            for (int f = 0; f < files.files_size(); ++f) {
                if (report.state({d, f}) != PackReport::State::Unknown) continue;
                Trouble trouble;
                if (!pace(has_content(files.files(f)) ? files.files(f).attributes().size() : 0)) {
                    report.broken = Trouble::stopped();
                    return report;
                }
                if (!folder) {
                    report.set_problem({d, f}, Trouble::of_listed(folder.error()));
                } else if (!copy(*folder, files.files(f), {d, f}, report, trouble)) {
                    report.set_problem({d, f}, std::move(trouble));
                }
            }
        }
        return report;
    }

    RangeReport send_range(const files::Tree& source, const work::Range& work,
                           bool begun) override {
        RangeReport report;
        if (work.length() == 0) return report;
        Trouble trouble;
        if (copy_range(source, work, begun, trouble)) {
            peer::Flush flush;
            flush.set_directory(work.directory());
            flush.set_name(work.file().name());
            flush.set_file_size(work.file().attributes().size());
            flush.set_temporary(work.temporary());
            const Waiting waiting{means_.waits.destination_write};
            auto flushed = destination_->flush(flush);
            if (!flushed) report.broken = Trouble::of_destination(flushed.error());
            return report;
        }
        if (!trouble.is_of_listing()) report.broken = std::move(trouble);
        return report;
    }

    Attempt<peer::Published> publish(peer::Publish publish) override {
        const Waiting waiting{means_.waits.destination_metadata};
        const auto written = destination_->publish(publish);
        if (!written) return Trouble::of_destination(written.error());
        peer::Published published;
        *published.mutable_losses() = written->losses;
        return published;
    }

    Attempt<peer::DirectoriesDone> set_directories(peer::Directories directories) override {
        return unless_given_up(destination_->set_directories(directories));
    }

private:
    // It may have come to its end before all was done.
    template <class Done>
    Attempt<Done> unless_given_up(Done done) const {
        if (means_.is_given_up && means_.is_given_up()) return Trouble::stopped();
        return done;
    }

    bool pace(std::uint64_t bytes) {
        const Waiting waiting{means_.waits.bandwidth_limit};
        return means_.pacer->take(bytes, means_.stop) && !means_.stop.stop_requested();
    }

    bool copy(const SourceFolder& folder, const work::FileEntry& planned, Place place,
              PackReport& report, Trouble& trouble) {
        std::optional<SourceFile> file;
        if (has_content(planned)) {
            auto opened = SourceFile::open(folder, planned, sending_.keep_atime, trouble);
            if (!opened) return false;
            file.emplace(std::move(*opened));
        } else if (planned.link_to().empty() && !is_as_listed(folder, planned, trouble)) {
            return false;
        }
        work::FileEntry entry = planned;
        if (entry.link_to().empty() && !add_xattrs(folder, sending_.xattrs, entry, trouble)) {
            return false;
        }
        const Waiting waiting{means_.waits.destination_write};
        const auto written = destination_->copy_file(folder.path(), entry, file ? &*file : nullptr);
        if (!written) {
            const bool plan_anew =
                written.error().code == Code::Conflict && written.error().native == 0;
            trouble = plan_anew ? Trouble::changed() : Trouble::of_destination(written.error());
            return false;
        }
        report.add(written->losses);
        if (written->unchanged) {
            report.set_unchanged(place);
        } else {
            report.set_done(place);
        }
        return true;
    }

    bool copy_range(const files::Tree& source, const work::Range& work, bool begun,
                    Trouble& trouble) {
        const auto folder = SourceFolder::open(source, work.directory());
        if (!folder) {
            trouble = Trouble::of_listed(folder.error());
            return false;
        }
        const auto file = SourceFile::open(*folder, work.file(), sending_.keep_atime, trouble);
        if (!file) return false;
        Extents missing{{work.offset(), work.offset() + work.length()}};
        if (begun) {
            auto found = missing_of(*this, *file, work, kPacedStepBytes, means_.waits);
            if (auto* broken = std::get_if<Trouble>(&found)) {
                trouble = std::move(*broken);
                return false;
            }
            missing = std::move(std::get<Extents>(found));
        }
        for (const files::Extent& extent : missing) {
            if (!copy_extent(*file, work, extent, trouble)) return false;
        }
        if (file->is_unchanged()) return true;
        trouble = Trouble::changed();
        return false;
    }

    bool copy_extent(const SourceFile& file, const work::Range& work, const files::Extent& extent,
                     Trouble& trouble) {
        peer::Range range = range_of(0, work.directory(), work.file(), work.temporary());
        for (std::uint64_t at = extent.begin; at < extent.end;) {
            const std::uint64_t step_max =
                means_.pacer->rate() == 0 ? kCopyStepBytes : kPacedStepBytes;
            const std::uint64_t step = std::min(step_max, extent.end - at);
            if (!pace(step)) {
                trouble = Trouble::stopped();
                return false;
            }
            range.set_offset(at);
            const Waiting waiting{means_.waits.destination_write};
            const auto copied = destination_->copy_range(range, step, file);
            if (!copied) {
                trouble = Trouble::of_destination(copied.error());
                return false;
            }
            if (*copied < step) {
                trouble = Trouble::changed();
                return false;
            }
            at += step;
        }
        return true;
    }

    const std::vector<std::string> storage_paths_;
    Ledger& ledger_;
    const DeliveryMeans means_;
    Sending sending_;
    std::shared_ptr<Destination> destination_;
};

}  // namespace

std::unique_ptr<Delivery> deliver_locally(std::vector<std::string> storage_paths, Ledger& ledger,
                                          DeliveryMeans means) {
    return std::make_unique<LocalDelivery>(std::move(storage_paths), ledger, std::move(means));
}

}  // namespace godwit::transfer
