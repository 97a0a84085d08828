#include "transfer/peer_session.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/log.h"
#include "base/ticket.h"
#include "transfer/digest.h"
#include "transfer/messages.h"

namespace godwit::transfer {
namespace {

using base::FileCode;
using base::SteadyClock;

constexpr std::size_t kJobsMax = 4096;
constexpr base::Millis kTick{1'000};

const base::Log kLog{"peer"};

std::string list_of(const std::vector<std::string>& wires) {
    std::string text;
    for (const std::string& wire : wires) text += (text.empty() ? "" : ", ") + wire;
    return text.empty() ? "none" : text;
}

RemoteRail remote_of(const peer::RailOffer& offer) {
    RemoteRail remote;
    remote.wire = offer.wire();
    remote.device = offer.device();
    remote.ip = offer.ip();
    remote.link_mbps = offer.link_mbps();
    remote.address = offer.address();
    const std::size_t size = std::min(offer.window_key().size(), remote.window.bytes.size());
    std::copy_n(reinterpret_cast<const std::byte*>(offer.window_key().data()), size,
                remote.window.bytes.begin());
    remote.window.size = static_cast<std::uint8_t>(size);
    return remote;
}

peer::Frame done_frame(const Status& status) {
    peer::Frame frame;
    if (status) {
        frame.mutable_done();
    } else {
        frame = failure_frame(files::destination_code(status.error()), status.error());
    }
    return frame;
}

// What was read back differs: the same segment may be sent once more, as if it had been damaged on
// its way.
bool is_read_back_differently(const Error& error) {
    return error.code == Code::Internal && error.native == EIO;
}

peer::Timing* timing_of(peer::Frame& answer) {
    if (answer.has_files_done()) return answer.mutable_files_done()->mutable_timing();
    if (answer.has_done()) return answer.mutable_done()->mutable_timing();
    return nullptr;
}

// Of the fabric, or of the segment itself.
peer::Frame segment_failure(const Error& error) {
    const FileCode code = error.code == Code::TimedOut          ? FileCode::TimedOut
                          : error.code == Code::InvalidArgument ? FileCode::Internal
                                                                : FileCode::PeerLost;
    return failure_frame(code, wrap(error, "fetch a segment"));
}

peer::Frame job_is_closed() {
    return failure_frame(FileCode::Internal, {Code::NotFound, "the job is not open"});
}

}  // namespace

PeerSession::PeerSession(const SessionHost& host, std::unique_ptr<Channel> channel)
    : host_{host}, channel_{std::move(channel)} {}

void PeerSession::shut() noexcept {
    closed_.store(true);
    channel_->shut();
    if (const auto links = this->links()) links->close();
}

std::shared_ptr<RailLinks> PeerSession::links() {
    const std::lock_guard lock{mutex_};
    return links_;
}

void PeerSession::run() {
    if (auto status = shake_hands(); !status) {
        kLog.warning("peer refused",
                     {{"from", channel_->remote()}, {"reason", status.error().message}});
        const bool for_good = status.error().code == Code::Unsupported;
        reply(0,
              failure_frame(for_good ? FileCode::Unsupported : FileCode::PeerLost, status.error()));
        shut();
        return;
    }
    last_heard_.store(SteadyClock::now());
    std::string reason;
    while (reason.empty() && !closed()) {
        auto frame = channel_->read(std::min(kTick, silence_max_.load() / 2));
        // Also where it speaks again: this process may have been stopped all the while.
        if (is_silent()) {
            reason = "it was silent for more than " + std::to_string(silence_max_.load().count()) +
                     " ms";
        } else if (frame) {
            last_heard_.store(SteadyClock::now());
            dispatch(std::move(*frame));
        } else if (frame.error().code != Code::Again) {
            reason = frame.error().message;
        }
    }
    shut();
    kLog.info("peer disconnected", {{"worker", peer_worker_}, {"reason", reason}});
    // A job that ends removes files, and may wait for others: not under the lock.
    decltype(jobs_) ended;
    const std::lock_guard lock{mutex_};
    ended.swap(jobs_);
}

Status PeerSession::shake_hands() {
    auto frame = channel_->read(kPeerSilenceMax);
    if (!frame) return std::move(frame).error();
    if (!frame->has_hello()) {
        return Error{Code::InvalidArgument, "its first frame is no hello"};
    }
    peer::Frame answer;
    if (auto status = agree(frame->hello(), *answer.mutable_hello_reply()); !status) return status;
    return channel_->write(answer);
}

Status PeerSession::agree(const peer::Hello& hello, peer::HelloReply& reply) {
    const Identity& self = host_.settings.self;
    if (hello.version() != kPeerVersion) {
        return Error{Code::Unsupported, "it speaks version " + std::to_string(hello.version()) +
                                            " of the peer protocol, this agent version " +
                                            std::to_string(kPeerVersion)};
    }
    if (hello.destination_worker_id() != self.worker_id) {
        return Error{Code::InvalidArgument,
                     "it looks for worker '" + base::printable(hello.destination_worker_id(), 128) +
                         "', this is worker '" + self.worker_id + "'"};
    }
    std::vector<RemoteRail> remotes;
    std::vector<std::string> wires;
    for (const peer::RailOffer& offer : hello.rails()) {
        remotes.push_back(remote_of(offer));
        if (std::find(wires.begin(), wires.end(), offer.wire()) == wires.end()) {
            wires.push_back(offer.wire());
        }
    }
    const std::vector<std::string>& own = host_.rails.wires();
    const auto common = std::find_first_of(wires.begin(), wires.end(), own.begin(), own.end());
    if (common == wires.end()) {
        return Error{Code::Unsupported, "no transport in common: worker '" +
                                            base::printable(hello.worker_id(), 128) + "' offers " +
                                            base::printable(list_of(wires)) + "; worker '" +
                                            self.worker_id + "' offers " + list_of(own)};
    }
    std::erase_if(remotes, [&](const RemoteRail& remote) { return remote.wire != *common; });
    peer_worker_ = hello.worker_id();
    {
        const std::lock_guard lock{mutex_};
        links_ = RailLinks::make(host_.rails, std::move(remotes), peer_worker_);
    }
    reply.set_version(kPeerVersion);
    reply.set_worker_id(self.worker_id);
    reply.set_incarnation(self.incarnation);
    reply.set_wire(*common);
    reply.set_segment_bytes(host_.rails.segment_bytes());
    kLog.info("peer accepted",
              {{"worker", peer_worker_}, {"from", channel_->remote()}, {"wire", *common}});
    return {};
}

void PeerSession::dispatch(peer::Frame frame) {
    switch (frame.body_case()) {
    case peer::Frame::kPing: {
        peer::Frame pong;
        pong.mutable_pong();
        reply(frame.call(), std::move(pong));
        return;
    }
    case peer::Frame::kOpen: {
        // Looking at the destination may block on a slow file system.
        host_.control.post([self = shared_from_this(), frame = std::move(frame)] {
            if (!self->closed()) self->open(frame);
        });
        return;
    }
    case peer::Frame::kClose: {
        decltype(jobs_)::node_type ended;
        const std::lock_guard lock{mutex_};
        ended = jobs_.extract(frame.close().job());
        return;
    }
    case peer::Frame::kFiles:
    case peer::Frame::kRange: take_offer(std::move(frame)); return;
    case peer::Frame::kView:
    case peer::Frame::kFlush:
    case peer::Frame::kPublish:
    case peer::Frame::kDigests:
    case peer::Frame::kRemove:
    case peer::Frame::kDirectories: answer_later(std::move(frame)); return;
    default:
        reply(frame.call(), failure_frame(FileCode::Unsupported,
                                          {Code::Unsupported, "a call that is not known here"}));
    }
}

bool PeerSession::is_silent() const noexcept {
    return SteadyClock::now() - last_heard_.load() > silence_max_.load();
}

bool PeerSession::has_given_up(std::uint64_t job) {
    return closed() || is_silent() || this->job(job) == nullptr;
}

void PeerSession::open(const peer::Frame& frame) {
    const peer::Open& open = frame.open();
    silence_max_.store(std::min(silence_max_.load(), silence_max(open.lease_seconds())));
    if (!host_.settings.ticket_secret.empty()) {
        const base::TicketClaim claim{open.request_id(), open.generation(), peer_worker_,
                                      host_.settings.self.worker_id, open.destination_path()};
        const auto status =
            check_ticket(host_.settings.ticket_secret, claim, open.ticket(), base::wall_now());
        if (!status) {
            kLog.warning("ticket refused", {{"worker", peer_worker_},
                                            {"request", open.request_id()},
                                            {"reason", status.error().message}});
            reply(frame.call(), failure_frame(FileCode::PermissionDenied, status.error()));
            return;
        }
    }
    auto job = Destination::open(open, host_.settings.storage_paths(), host_.ledger,
                                 [self = weak_from_this(), id = open.job()] {
                                     const auto session = self.lock();
                                     return !session || session->has_given_up(id);
                                 });
    if (!job) {
        reply(frame.call(), failure_frame(files::destination_code(job.error()), job.error()));
        return;
    }
    peer::Frame opened;
    *opened.mutable_opened() = (*job)->opened();
    bool too_many = false;
    {
        const std::lock_guard lock{mutex_};
        too_many = jobs_.size() >= kJobsMax;
        if (!too_many) jobs_[open.job()].swap(*job);
    }
    if (too_many) {
        opened = failure_frame(FileCode::Internal, {Code::NoMemory, "too many open assignments"});
    }
    reply(frame.call(), std::move(opened));
}

std::shared_ptr<Destination> PeerSession::job(std::uint64_t id) {
    const std::lock_guard lock{mutex_};
    const auto found = jobs_.find(id);
    return found == jobs_.end() ? nullptr : found->second;
}

void PeerSession::take_offer(peer::Frame frame) {
    const auto held = std::make_shared<const peer::Frame>(std::move(frame));
    const peer::Segment& segment =
        held->has_files() ? held->files().segment() : held->range().segment();
    Offer offer;
    offer.links = links();
    offer.offset = segment.offset();
    offer.length = segment.length();
    offer.arrived = [self = shared_from_this(), held, watch = base::Stopwatch{}](
                        Result<Bytes> data, std::uint64_t fetch_us) {
        if (self->closed() || self->is_silent()) return;
        peer::Frame answer =
            data ? self->write_segment(*held, *data) : segment_failure(data.error());
        if (peer::Timing* timing = timing_of(answer)) {
            // Waiting for a buffer, or for a writer, is what writing too slowly looks like.
            const std::uint64_t rest_us = watch.elapsed_us() - fetch_us;
            timing->set_fetch_us(fetch_us);
            if (held->has_files()) timing->set_metadata_us(rest_us);
            if (held->has_range()) timing->set_write_us(rest_us);
        }
        self->reply(held->call(), std::move(answer));
    };
    if (!host_.intake.add(std::move(offer))) shut();
}

peer::Frame PeerSession::write_segment(const peer::Frame& frame, Bytes data) {
    const bool whole_files = frame.has_files();
    const peer::Segment& segment = whole_files ? frame.files().segment() : frame.range().segment();
    if (!digest_fits(segment.digest(), data)) {
        return failure_frame(FileCode::DigestMismatch,
                             {Code::Internal, "a segment arrived with other bytes than were sent"});
    }
    const auto job = this->job(whole_files ? frame.files().job() : frame.range().job());
    if (job == nullptr) return job_is_closed();
    if (!whole_files) {
        const Status status = job->write_range(frame.range(), data);
        if (!status && is_read_back_differently(status.error())) {
            return failure_frame(FileCode::DigestMismatch, status.error());
        }
        return done_frame(status);
    }
    auto done = job->write_files(frame.files(), data);
    if (!done) {
        return failure_frame(
            is_read_back_differently(done.error()) ? FileCode::DigestMismatch : FileCode::Internal,
            done.error());
    }
    peer::Frame answer;
    *answer.mutable_files_done() = std::move(*done);
    return answer;
}

void PeerSession::answer_later(peer::Frame frame) {
    host_.control.post([self = shared_from_this(), frame = std::move(frame)] {
        if (self->closed() || self->is_silent()) return;
        const std::uint64_t id = frame.has_view()      ? frame.view().job()
                                 : frame.has_flush()   ? frame.flush().job()
                                 : frame.has_publish() ? frame.publish().job()
                                 : frame.has_digests() ? frame.digests().job()
                                 : frame.has_remove()  ? frame.remove().job()
                                                       : frame.directories().job();
        const auto job = self->job(id);
        self->reply(frame.call(), job != nullptr ? self->carry_out(*job, frame) : job_is_closed());
    });
}

peer::Frame PeerSession::carry_out(Destination& job, const peer::Frame& frame) {
    peer::Frame answer;
    switch (frame.body_case()) {
    case peer::Frame::kView: *answer.mutable_viewed() = job.view(frame.view()); break;
    case peer::Frame::kFlush: answer = done_frame(job.flush(frame.flush())); break;
    case peer::Frame::kPublish: {
        const auto written = job.publish(frame.publish());
        if (written) {
            *answer.mutable_published()->mutable_losses() = written->losses;
        } else {
            answer = failure_frame(files::destination_code(written.error()), written.error());
        }
        break;
    }
    case peer::Frame::kDigests:
        *answer.mutable_digests_done() = job.digests(frame.digests());
        break;
    case peer::Frame::kRemove: *answer.mutable_removed() = job.remove(frame.remove()); break;
    default: *answer.mutable_directories_done() = job.set_directories(frame.directories()); break;
    }
    return answer;
}

void PeerSession::reply(std::uint64_t call, peer::Frame frame) {
    frame.set_call(call);
    if (!channel_->write(frame)) shut();
}

}  // namespace godwit::transfer
