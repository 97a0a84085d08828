#include "base/bytes.h"
#include "transfer/delivery.h"
#include "transfer/messages.h"
#include "transfer/pack_sender.h"
#include "transfer/resume.h"

namespace godwit::transfer {
namespace {

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

    RangeReport send_range(const files::Tree& source, const work::Range& work, bool begun) override;

    Attempt<peer::Published> publish(peer::Publish publish) override {
        peer::Frame frame;
        publish.set_job(open_.job());
        *frame.mutable_publish() = std::move(publish);
        const Waiting waiting{means_.waits.destination_metadata};
        return ask_to_the_end<peer::Published>(std::move(frame), &peer::Frame::mutable_published);
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
        return ask_to_the_end<peer::Removed>(std::move(frame), &peer::Frame::mutable_removed);
    }

private:
    std::optional<Trouble> flush(const work::Range& work);

    void close() {
        if (open_.job() == 0) return;
        peer::Frame frame;
        frame.mutable_close()->set_job(open_.job());
        peer_->tell(std::move(frame));
    }

    template <class Answer>
    Attempt<Answer> ask(peer::Frame frame, Answer* (peer::Frame::*member)()) {
        return ask(std::move(frame), member, means_.stop);
    }
    // Also when this agent is told to stop: what is done there would be known to nobody.
    template <class Answer>
    Attempt<Answer> ask_to_the_end(peer::Frame frame, Answer* (peer::Frame::*member)()) {
        return ask(std::move(frame), member, std::stop_token{});
    }
    template <class Answer>
    Attempt<Answer> ask(peer::Frame frame, Answer* (peer::Frame::*member)(),
                        const std::stop_token& stop) {
        auto answer = peer_->call_and_wait(std::move(frame), stop, kCallPatience);
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

RangeReport PeerDelivery::send_range(const files::Tree& source, const work::Range& work,
                                     bool begun) {
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
    Extents missing{{work.offset(), work.offset() + work.length()}};
    if (begun) {
        auto found = missing_of(*this, *file, work, sending_.segment_bytes, means_.waits);
        if (auto* broken = std::get_if<Trouble>(&found)) {
            report.broken = std::move(*broken);
            return report;
        }
        missing = std::move(std::get<Extents>(found));
    }
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
