#include <algorithm>
#include <functional>

#include "base/bytes.h"
#include "base/ids.h"
#include "transfer/delivery.h"
#include "transfer/messages.h"
#include "transfer/offers.h"

namespace godwit::transfer {
namespace {

using base::Millis;

// Metadata calls touch few files; a destination that needs longer hangs. (A dead one is noticed by
// its silence, much earlier.)
constexpr Millis kCallPatience{300'000};

// So many entries go into one offer even where they bring few bytes.
constexpr int kFilesPerOffer = 1024;

Trouble trouble_of(const peer::Failure& failure) {
    return {code_of(failure), failure.message(), failure.error_number()};
}

// Offers [from, to) of the file segment by segment; `range` says whose bytes they are. False, with
// `trouble` or the offers' own set: not all of it could be read and offered.
bool stream(const SourceFile& file, std::uint64_t from, std::uint64_t to, const peer::Range& range,
            std::size_t segment_bytes, bool digest, Offers& offers, Trouble& trouble,
            const std::function<void(std::size_t)>& written) {
    while (from < to) {
        const std::size_t length = std::min<std::uint64_t>(segment_bytes, to - from);
        Buffer buffer = offers.take_buffer();
        if (!buffer || !file.read(buffer.bytes().first(length), from, trouble)) return false;
        peer::Frame frame;
        *frame.mutable_range() = range;
        frame.mutable_range()->set_offset(from);
        offers.offer(std::move(frame), std::move(buffer), length, digest,
                     [written, length](const peer::Frame&) { written(length); });
        from += length;
    }
    if (file.is_unchanged()) return true;
    trouble = Trouble::changed();
    return false;
}

peer::Range range_of(std::uint64_t job, const std::string& directory, const work::FileEntry& file,
                     std::uint64_t temporary) {
    peer::Range range;
    range.set_job(job);
    range.set_directory(directory);
    range.set_name(file.name());
    range.set_file_size(file.attributes().size());
    range.set_temporary(temporary);
    return range;
}

// Reads a pack's files into segments and offers them.
class PackSender {
public:
    PackSender(const std::shared_ptr<PeerClient>& peer, BufferPool& pool, std::stop_token stop,
               const peer::Open& open, const files::Tree& source, const work::Pack& pack)
        : peer_{peer},
          open_{open},
          source_{source},
          pack_{pack},
          offers_{peer, pool, std::move(stop)},
          report_{pack} {}

    PackReport run() {
        for (int d = 0; d < pack_.directories_size() && !offers_.trouble(); ++d) {
            auto directory = source_.open_directory(pack_.directories(d).path());
            for (int f = 0; f < pack_.directories(d).files_size() && !offers_.trouble(); ++f) {
                if (directory) {
                    add(directory->get(), {d, f});
                } else {
                    report_.set_problem({d, f}, Trouble::of_listed(directory.error()));
                }
            }
        }
        flush();
        offers_.finish();
        if (!report_.broken) report_.broken = offers_.trouble();
        report_.bytes_on_wire = offers_.bytes_on_wire();
        return std::move(report_);
    }

private:
    const work::FileEntry& entry_at(Place place) const {
        return pack_.directories(place.directory).files(place.file);
    }

    void add(int directory, Place place) {
        const work::FileEntry& entry = entry_at(place);
        const std::size_t size = has_content(entry) ? entry.attributes().size() : 0;
        if (size > peer_->segment_bytes()) {
            send_in_ranges(directory, place);
            return;
        }
        const bool full = buffer_ && filled_ + size > peer_->segment_bytes();
        if (full || static_cast<int>(places_.size()) >= kFilesPerOffer) flush();
        if (!buffer_ && !(buffer_ = offers_.take_buffer())) return;

        Trouble trouble;
        if (size != 0 && !read(directory, entry, buffer_.bytes().subspan(filled_, size), trouble)) {
            report_.set_problem(place, std::move(trouble));
            return;
        }
        filled_ += size;
        if (places_.empty() || places_.back().directory != place.directory) {
            frame_.mutable_files()->add_directories()->set_path(
                pack_.directories(place.directory).path());
        }
        auto* directories = frame_.mutable_files()->mutable_directories();
        *directories->Mutable(directories->size() - 1)->add_files() = entry;
        places_.push_back(place);
    }

    static bool read(int directory, const work::FileEntry& entry, std::span<std::byte> out,
                     Trouble& trouble) {
        const auto file = SourceFile::open(directory, entry, trouble);
        if (!file || !file->read(out, 0, trouble)) return false;
        if (file->is_unchanged()) return true;
        trouble = Trouble::changed();
        return false;
    }

    void flush() {
        if (places_.empty()) {
            buffer_ = {};
            filled_ = 0;
            return;
        }
        frame_.mutable_files()->set_job(open_.job());
        offers_.offer(std::exchange(frame_, {}), std::move(buffer_), std::exchange(filled_, 0),
                      open_.verify(),
                      [this, places = std::exchange(places_, {})](const peer::Frame& answer) {
                          take_answer(places, answer);
                      });
        buffer_ = {};
    }

    void take_answer(const std::vector<Place>& places, const peer::Frame& answer) {
        report_.owner_dropped = report_.owner_dropped || answer.files_done().owner_dropped();
        for (const Place place : places) report_.set_done(place);
        for (const peer::FileProblem& problem : answer.files_done().problems()) {
            if (problem.index() >= places.size()) continue;
            report_.set_problem(places[problem.index()], trouble_of(problem.failure()));
        }
    }

    // A file that is longer than a segment, and shorter than a chunk: ranges of one temporary, that
    // nobody else writes to, and its publication.
    void send_in_ranges(int directory, Place place) {
        flush();
        const work::FileEntry& entry = entry_at(place);
        const std::string& path = pack_.directories(place.directory).path();
        const std::uint64_t temporary = base::random_u64();
        Trouble trouble;
        const auto file = SourceFile::open(directory, entry, trouble);
        peer::Range range = range_of(open_.job(), path, entry, temporary);
        range.set_alone(true);
        bool good =
            file && stream(*file, 0, entry.attributes().size(), range, peer_->segment_bytes(),
                           open_.verify(), offers_, trouble, [](std::size_t) {});
        offers_.finish();
        if (offers_.trouble()) return;

        peer::Frame frame;
        peer::Publish& publish = *frame.mutable_publish();
        publish.set_job(open_.job());
        publish.set_directory(path);
        *publish.mutable_file() = entry;
        publish.set_temporary(temporary);
        publish.set_discard(!good);
        const auto answer = peer_->call_and_wait(std::move(frame), {}, kCallPatience);
        if (!answer) {
            report_.broken = Trouble::of_peer(answer.error());
            return;
        }
        if (good && answer->has_failure()) {
            good = false;
            trouble = trouble_of(answer->failure());
        }
        if (!good) {
            report_.set_problem(place, std::move(trouble));
            return;
        }
        report_.set_done(place);
        report_.owner_dropped = report_.owner_dropped || answer->published().owner_dropped();
    }

    const std::shared_ptr<PeerClient>& peer_;
    const peer::Open& open_;
    const files::Tree& source_;
    const work::Pack& pack_;
    Offers offers_;
    PackReport report_;
    peer::Frame frame_;  // Collects the entries whose contents are in buffer_.
    Buffer buffer_;
    std::size_t filled_ = 0;
    std::vector<Place> places_;  // Of frame_'s entries.
};

class PeerDelivery final : public Delivery {
public:
    PeerDelivery(std::shared_ptr<PeerClient> peer, BufferPool& pool, std::stop_token stop)
        : peer_{std::move(peer)}, pool_{pool}, stop_{std::move(stop)} {}

    ~PeerDelivery() override { close(); }

    Attempt<peer::Opened::Found> open(const peer::Open& open) override {
        close();
        open_ = open;
        open_.set_job(peer_->next_job());
        peer_->set_lease(open_.lease_seconds());
        peer::Frame frame;
        *frame.mutable_open() = open_;
        auto answer = call(std::move(frame));
        if (auto* trouble = std::get_if<Trouble>(&answer)) return std::move(*trouble);
        return std::get<peer::Frame>(answer).opened().found();
    }

    Attempt<peer::Viewed> view(peer::View view) override {
        peer::Frame frame;
        view.set_job(open_.job());
        *frame.mutable_view() = std::move(view);
        auto answer = call(std::move(frame));
        if (auto* trouble = std::get_if<Trouble>(&answer)) return std::move(*trouble);
        return std::move(*std::get<peer::Frame>(answer).mutable_viewed());
    }

    PackReport send_pack(const files::Tree& source, const work::Pack& pack) override {
        return PackSender{peer_, pool_, stop_, open_, source, pack}.run();
    }

    RangeReport send_range(const files::Tree& source, const work::Range& work) override;

    Attempt<peer::Published> publish(peer::Publish publish) override {
        peer::Frame frame;
        publish.set_job(open_.job());
        *frame.mutable_publish() = std::move(publish);
        auto answer = call(std::move(frame));
        if (auto* trouble = std::get_if<Trouble>(&answer)) return std::move(*trouble);
        return std::get<peer::Frame>(answer).published();
    }

    Attempt<peer::DirectoriesDone> set_directories(peer::Directories directories) override {
        peer::Frame frame;
        directories.set_job(open_.job());
        *frame.mutable_directories() = std::move(directories);
        auto answer = call(std::move(frame));
        if (auto* trouble = std::get_if<Trouble>(&answer)) return std::move(*trouble);
        return std::move(*std::get<peer::Frame>(answer).mutable_directories_done());
    }

private:
    void close() {
        if (open_.job() == 0) return;
        peer::Frame frame;
        frame.mutable_close()->set_job(open_.job());
        peer_->tell(std::move(frame));
    }

    Attempt<peer::Frame> call(peer::Frame frame) {
        auto answer = peer_->call_and_wait(std::move(frame), stop_, kCallPatience);
        if (!answer) {
            return answer.error().code == Code::Cancelled ? Trouble::stopped()
                                                          : Trouble::of_peer(answer.error());
        }
        if (answer->has_failure()) {
            return trouble_of(answer->failure());
        }
        return std::move(*answer);
    }

    const std::shared_ptr<PeerClient> peer_;
    BufferPool& pool_;
    const std::stop_token stop_;
    peer::Open open_;
};

RangeReport PeerDelivery::send_range(const files::Tree& source, const work::Range& work) {
    RangeReport report;
    Offers offers{peer_, pool_, stop_};
    Trouble trouble;
    const auto directory = source.open_directory(work.directory());
    const auto file = directory ? SourceFile::open(directory->get(), work.file(), trouble)
                                : Result<SourceFile>{directory.error()};
    if (!directory) trouble = Trouble::of_listed(directory.error());
    const bool good =
        file && stream(*file, work.offset(), work.offset() + work.length(),
                       range_of(open_.job(), work.directory(), work.file(), work.temporary()),
                       peer_->segment_bytes(), open_.verify(), offers, trouble,
                       [&](std::size_t length) { report.bytes_written += length; });
    offers.finish();
    report.bytes_on_wire = offers.bytes_on_wire();
    report.broken = offers.trouble();
    if (report.broken) return report;
    if (!good) {
        report.changed = trouble.is_of_listing();
        if (!report.changed) report.broken = std::move(trouble);
        return report;
    }
    peer::Frame frame;
    peer::Flush& flush = *frame.mutable_flush();
    flush.set_job(open_.job());
    flush.set_directory(work.directory());
    flush.set_name(work.file().name());
    flush.set_file_size(work.file().attributes().size());
    flush.set_temporary(work.temporary());
    auto flushed = call(std::move(frame));
    if (auto* failed = std::get_if<Trouble>(&flushed)) report.broken = std::move(*failed);
    return report;
}

}  // namespace

std::unique_ptr<Delivery> deliver_to_peer(std::shared_ptr<PeerClient> peer, BufferPool& send_pool,
                                          std::stop_token stop) {
    return std::make_unique<PeerDelivery>(std::move(peer), send_pool, std::move(stop));
}

}  // namespace godwit::transfer
