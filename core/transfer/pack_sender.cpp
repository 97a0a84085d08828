#include "transfer/pack_sender.h"

#include "base/ids.h"
#include "transfer/messages.h"

namespace godwit::transfer {
namespace {

// So many entries go into one offer even where they bring few bytes.
constexpr int kFilesPerOffer = 1024;

}  // namespace

PackSender::PackSender(const std::shared_ptr<PeerClient>& peer, Offers& offers,
                       const Sending& sending, Waits& waits, std::uint64_t job,
                       const files::Tree& source, const work::Pack& pack, PackReport report)
    : peer_{peer},
      offers_{offers},
      sending_{sending},
      waits_{waits},
      job_{job},
      source_{source},
      pack_{pack},
      report_{std::move(report)} {}

PackReport PackSender::run() {
    for (int d = 0; d < pack_.directories_size() && !offers_.trouble(); ++d) {
        const auto folder = SourceFolder::open(source_, pack_.directories(d).path());
        for (int f = 0; f < pack_.directories(d).files_size() && !offers_.trouble(); ++f) {
            if (report_.state({d, f}) != PackReport::State::Unknown) continue;
            if (folder) {
                add(*folder, {d, f});
            } else {
                report_.set_problem({d, f}, Trouble::of_listed(folder.error()));
            }
        }
    }
    flush();
    offers_.finish();
    send_damaged_alone();
    if (!report_.broken) report_.broken = offers_.trouble();
    report_.bytes_on_wire = offers_.bytes_on_wire();
    return std::move(report_);
}

const work::FileEntry& PackSender::entry_at(Place place) const {
    return pack_.directories(place.directory).files(place.file);
}

void PackSender::add(const SourceFolder& folder, Place place) {
    const work::FileEntry& planned = entry_at(place);
    const std::size_t size = has_content(planned) ? planned.attributes().size() : 0;
    if (size > sending_.segment_bytes || (size != 0 && planned.sparse() && sending_.sparse)) {
        send_in_ranges(folder, place);
        return;
    }
    const bool full = buffer_ && filled_ + size > sending_.segment_bytes;
    if (full || static_cast<int>(places_.size()) >= kFilesPerOffer) flush();
    if (!buffer_ && !(buffer_ = offers_.take_buffer())) return;

    Trouble trouble;
    work::FileEntry entry = planned;
    if (!fill(folder, entry, buffer_.bytes().subspan(filled_, size), trouble)) {
        report_.set_problem(place, std::move(trouble));
        return;
    }
    filled_ += size;
    if (places_.empty() || places_.back().directory != place.directory) {
        frame_.mutable_files()->add_directories()->set_path(folder.path());
    }
    auto* directories = frame_.mutable_files()->mutable_directories();
    *directories->Mutable(directories->size() - 1)->add_files() = std::move(entry);
    places_.push_back(place);
}

// Content and extended attributes, as they stand now.
bool PackSender::fill(const SourceFolder& folder, work::FileEntry& entry, std::span<std::byte> out,
                      Trouble& trouble) {
    const Waiting reading{waits_.source_read};
    if (!entry.link_to().empty()) return true;
    if (has_content(entry)) {
        const auto file = SourceFile::open(folder, entry, sending_.keep_atime, trouble);
        if (!file || !file->read(out, 0, trouble)) return false;
        if (!file->is_unchanged()) {
            trouble = Trouble::changed();
            return false;
        }
    } else if (!is_as_listed(folder, entry, trouble)) {
        return false;
    }
    return add_xattrs(folder, sending_.xattrs, entry, trouble);
}

void PackSender::flush() {
    if (places_.empty()) {
        buffer_ = {};
        filled_ = 0;
        return;
    }
    frame_.mutable_files()->set_job(job_);
    const std::vector<Place> places = std::exchange(places_, {});
    offers_.offer(
        std::exchange(frame_, {}), std::move(buffer_), std::exchange(filled_, 0), sending_.digests,
        [this, places](const peer::Frame& answer) { take_answer(places, answer); },
        [this, places](const Trouble& trouble) { take_damage(places, trouble); });
    buffer_ = {};
}

void PackSender::take_damage(const std::vector<Place>& places, const Trouble& trouble) {
    if (places.size() == 1) {
        report_.set_problem(places.front(), trouble);
    } else {
        damaged_.insert(damaged_.end(), places.begin(), places.end());
    }
}

// One file that cannot be sent does not take those with it that shared its segment.
void PackSender::send_damaged_alone() {
    for (const Place place : std::exchange(damaged_, {})) {
        if (offers_.trouble()) return;
        const auto folder = SourceFolder::open(source_, pack_.directories(place.directory).path());
        if (folder) {
            add(*folder, place);
        } else {
            report_.set_problem(place, Trouble::of_listed(folder.error()));
        }
        flush();
    }
    offers_.finish();
}

void PackSender::take_answer(const std::vector<Place>& places, const peer::Frame& answer) {
    const peer::FilesDone& done = answer.files_done();
    report_.add(done.losses());
    for (const Place place : places) report_.set_done(place);
    for (const std::uint32_t index : done.unchanged()) {
        if (index < places.size()) report_.set_unchanged(places[index]);
    }
    for (const peer::FileProblem& problem : done.problems()) {
        if (problem.index() >= places.size()) continue;
        report_.set_problem(places[problem.index()], trouble_of(problem.failure()));
    }
}

// A file that is longer than a segment and shorter than a chunk, or one with holes: ranges of one
// temporary, that nobody else writes to, and its publication.
void PackSender::send_in_ranges(const SourceFolder& folder, Place place) {
    flush();
    work::FileEntry entry = entry_at(place);
    const std::uint64_t temporary = base::random_u64();
    Trouble trouble;
    const auto file = SourceFile::open(folder, entry, sending_.keep_atime, trouble);
    peer::Range range = range_of(job_, folder.path(), entry, temporary);
    range.set_alone(true);
    const std::uint64_t offered_before = offers_.bytes_on_wire();
    damaged_range_.reset();
    bool good = file &&
                stream(*file, 0, entry.attributes().size(), range, sending_, offers_, waits_,
                       trouble, [this](Trouble damage) { damaged_range_ = std::move(damage); }) &&
                add_xattrs(folder, sending_.xattrs, entry, trouble);
    offers_.finish();
    if (offers_.trouble()) return;
    if (good && damaged_range_) {
        good = false;
        trouble = std::move(*damaged_range_);
    }
    const bool all_hole = offers_.bytes_on_wire() == offered_before;
    if (!good && all_hole) {
        report_.set_problem(place, std::move(trouble));
        return;
    }
    publish(place, std::move(entry), temporary, all_hole, good, std::move(trouble));
}

void PackSender::publish(Place place, work::FileEntry entry, std::uint64_t temporary, bool all_hole,
                         bool good, Trouble trouble) {
    peer::Frame frame;
    peer::Publish& publish = *frame.mutable_publish();
    publish.set_job(job_);
    publish.set_directory(pack_.directories(place.directory).path());
    *publish.mutable_file() = std::move(entry);
    publish.set_temporary(temporary);
    publish.set_discard(!good);
    publish.set_all_hole(all_hole);
    const Waiting waiting{waits_.destination_metadata};
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
    report_.add(answer->published().losses());
}

}  // namespace godwit::transfer
