#include <algorithm>
#include <vector>

#include "base/bytes.h"
#include "files/extents.h"
#include "transfer/delivery.h"
#include "transfer/messages.h"
#include "transfer/pack_sender.h"

namespace godwit::transfer {
namespace {

using Extents = std::vector<files::Extent>;

// Of one question about contents: the destination reads them before it answers.
constexpr std::uint64_t kDigestBytesMax = 64 << 20;

class PeerDelivery final : public Delivery {
public:
    PeerDelivery(std::shared_ptr<PeerClient> peer, BufferPool& pool, DeliveryMeans means)
        : peer_{std::move(peer)}, pool_{pool}, means_{std::move(means)} {}

    ~PeerDelivery() override { close(); }

    Attempt<peer::Opened> open(const peer::Open& open) override {
        close();
        open_ = open;
        open_.set_job(peer_->next_job());
        sending_ = sending_of(open_, peer_->segment_bytes());
        peer_->set_lease(open_.lease_seconds());
        peer::Frame frame;
        *frame.mutable_open() = open_;
        auto opened = ask<peer::Opened>(std::move(frame), &peer::Frame::mutable_opened);
        // Who has lost the storage is no destination any more; another one may have it.
        auto* trouble = std::get_if<Trouble>(&opened);
        if (trouble != nullptr && trouble->code == base::FileCode::NoWorker) {
            trouble->code = base::FileCode::PeerLost;
        }
        return opened;
    }

    Attempt<peer::Viewed> view(peer::View view) override {
        peer::Frame frame;
        view.set_job(open_.job());
        *frame.mutable_view() = std::move(view);
        const Waiting waiting{means_.waits.destination_metadata};
        return ask<peer::Viewed>(std::move(frame), &peer::Frame::mutable_viewed);
    }

    Attempt<peer::DigestsDone> digests(peer::Digests digests) override {
        peer::Frame frame;
        digests.set_job(open_.job());
        *frame.mutable_digests() = std::move(digests);
        return ask<peer::DigestsDone>(std::move(frame), &peer::Frame::mutable_digests_done);
    }

    PackReport send_pack(const files::Tree& source, const work::Pack& pack,
                         PackReport start) override {
        Offers offers{peer_, pool_, means_.stop, *means_.pacer, means_.waits};
        return PackSender{peer_,       offers, sending_, means_.waits,
                          open_.job(), source, pack,     std::move(start)}
            .run();
    }

    RangeReport send_range(const files::Tree& source, const work::Range& work) override;

    Attempt<peer::Published> publish(peer::Publish publish) override {
        peer::Frame frame;
        publish.set_job(open_.job());
        *frame.mutable_publish() = std::move(publish);
        const Waiting waiting{means_.waits.destination_metadata};
        return ask<peer::Published>(std::move(frame), &peer::Frame::mutable_published);
    }

    Attempt<peer::DirectoriesDone> set_directories(peer::Directories directories) override {
        peer::Frame frame;
        directories.set_job(open_.job());
        *frame.mutable_directories() = std::move(directories);
        return ask<peer::DirectoriesDone>(std::move(frame), &peer::Frame::mutable_directories_done);
    }

    Attempt<peer::Removed> remove(peer::Remove remove) override {
        peer::Frame frame;
        remove.set_job(open_.job());
        *frame.mutable_remove() = std::move(remove);
        return ask<peer::Removed>(std::move(frame), &peer::Frame::mutable_removed);
    }

private:
    Attempt<peer::DigestsDone> digests_of(const work::Range& work, const Extents& pieces);
    // What of the range is not at the destination as it should be.
    Attempt<Extents> missing_of(const SourceFile& file, const work::Range& work);
    std::optional<Trouble> flush(const work::Range& work);

    void close() {
        if (open_.job() == 0) return;
        peer::Frame frame;
        frame.mutable_close()->set_job(open_.job());
        peer_->tell(std::move(frame));
    }

    template <class Answer>
    Attempt<Answer> ask(peer::Frame frame, Answer* (peer::Frame::*member)()) {
        auto answer = peer_->call_and_wait(std::move(frame), means_.stop, kCallPatience);
        if (!answer) {
            return answer.error().code == Code::Cancelled ? Trouble::stopped()
                                                          : Trouble::of_peer(answer.error());
        }
        if (answer->has_failure()) return trouble_of(answer->failure());
        return std::move(*((*answer).*member)());
    }

    const std::shared_ptr<PeerClient> peer_;
    BufferPool& pool_;
    const DeliveryMeans means_;
    peer::Open open_;
    Sending sending_;
};

Attempt<peer::DigestsDone> PeerDelivery::digests_of(const work::Range& work,
                                                    const Extents& pieces) {
    peer::Digests digests;
    for (const files::Extent& piece : pieces) {
        peer::DigestQuestion& question = *digests.add_questions();
        question.set_directory(work.directory());
        question.set_name(work.file().name());
        question.set_offset(piece.begin);
        question.set_length(piece.end - piece.begin);
        question.set_temporary(work.temporary());
    }
    return this->digests(std::move(digests));
}

// Both sides read what is in question: cheaper than the way between them, and than writing. By
// segments, the smallest pieces that an earlier attempt has written whole.
Attempt<Extents> PeerDelivery::missing_of(const SourceFile& file, const work::Range& work) {
    const std::uint64_t end = work.offset() + work.length();
    if (!work.begun()) return Extents{{work.offset(), end}};
    Extents missing;
    for (std::uint64_t at = work.offset(); at < end;) {
        Extents pieces;
        for (const std::uint64_t begin = at; at < end && at - begin < kDigestBytesMax;) {
            pieces.push_back({at, std::min<std::uint64_t>(at + sending_.segment_bytes, end)});
            at = pieces.back().end;
        }
        const auto answer = digests_of(work, pieces);
        if (const auto* trouble = std::get_if<Trouble>(&answer)) return *trouble;
        const auto& there = std::get<peer::DigestsDone>(answer).digests();
        for (std::size_t i = 0; i < pieces.size(); ++i) {
            const auto& [begin, piece_end] = pieces[i];
            const int index = static_cast<int>(i);
            const bool is_there = index < there.size() && !there[index].empty();
            const Waiting reading{means_.waits.source_read};
            if (is_there && file.digest(begin, piece_end - begin) == there[index]) continue;
            if (missing.empty() || missing.back().end != begin) missing.push_back({begin, begin});
            missing.back().end = piece_end;
        }
    }
    return missing;
}

RangeReport PeerDelivery::send_range(const files::Tree& source, const work::Range& work) {
    RangeReport report;
    Trouble trouble;
    const auto folder = SourceFolder::open(source, work.directory());
    const auto file = folder ? SourceFile::open(*folder, work.file(), sending_.keep_atime, trouble)
                             : Result<SourceFile>{folder.error()};
    if (!folder) trouble = Trouble::of_listed(folder.error());
    if (!file) {
        if (!trouble.is_of_listing()) report.broken = std::move(trouble);
        return report;
    }
    const auto found = missing_of(*file, work);
    if (const auto* broken = std::get_if<Trouble>(&found)) {
        report.broken = *broken;
        return report;
    }
    const Extents& missing = std::get<Extents>(found);
    Offers offers{peer_, pool_, means_.stop, *means_.pacer, means_.waits};
    const peer::Range range =
        range_of(open_.job(), work.directory(), work.file(), work.temporary());
    bool good = file->is_unchanged();
    if (!good) trouble = Trouble::changed();
    std::uint64_t bytes_missing = 0;
    for (const files::Extent& extent : missing) {
        bytes_missing += extent.end - extent.begin;
        good = good && stream(*file, extent.begin, extent.end, range, sending_, offers,
                              means_.waits, trouble);
    }
    offers.finish();
    report.bytes_on_wire = offers.bytes_on_wire();
    report.broken = offers.trouble();
    if (report.broken) return report;
    if (!good) {
        if (!trouble.is_of_listing()) report.broken = std::move(trouble);
        return report;
    }
    // All hole: nothing was written that could be flushed.
    const bool nothing_there = report.bytes_on_wire == 0 && bytes_missing == work.length();
    if (!nothing_there) report.broken = flush(work);
    return report;
}

std::optional<Trouble> PeerDelivery::flush(const work::Range& work) {
    peer::Frame frame;
    peer::Flush& flush = *frame.mutable_flush();
    flush.set_job(open_.job());
    flush.set_directory(work.directory());
    flush.set_name(work.file().name());
    flush.set_file_size(work.file().attributes().size());
    flush.set_temporary(work.temporary());
    const Waiting waiting{means_.waits.destination_write};
    auto flushed = ask<peer::Done>(std::move(frame), &peer::Frame::mutable_done);
    if (auto* failed = std::get_if<Trouble>(&flushed)) return std::move(*failed);
    return {};
}

}  // namespace

std::unique_ptr<Delivery> deliver_to_peer(std::shared_ptr<PeerClient> peer, BufferPool& send_pool,
                                          DeliveryMeans means) {
    return std::make_unique<PeerDelivery>(std::move(peer), send_pool, std::move(means));
}

Trouble trouble_of(const peer::Failure& failure) {
    return {code_of(failure), failure.message(), failure.error_number()};
}

Sending sending_of(const peer::Open& open, std::size_t segment_bytes) {
    const peer::Manner& manner = open.manner();
    Sending sending;
    sending.digests = open.digests();
    // What stands where a hole should be would stay in a file that is written in place.
    sending.sparse = manner.sparse() && !manner.inplace();
    sending.keep_atime = manner.atime();
    sending.xattrs = {manner.xattrs(), manner.acls()};
    sending.segment_bytes = segment_bytes;
    return sending;
}

bool add_xattrs(const SourceFolder& folder, files::XattrSelection selection, work::FileEntry& entry,
                Trouble& trouble) {
    if (!selection.any()) return true;
    const auto xattrs = folder.xattrs(entry.name(), selection);
    if (!xattrs) {
        trouble = Trouble::of_listed(xattrs.error());
        return false;
    }
    to_message(*xattrs, *entry.mutable_xattrs());
    return true;
}

}  // namespace godwit::transfer
