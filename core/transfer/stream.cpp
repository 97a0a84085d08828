#include "transfer/stream.h"

#include <algorithm>

#include "files/extents.h"

namespace godwit::transfer {
namespace {

bool offer_data(const SourceFile& file, std::uint64_t from, std::uint64_t to,
                const peer::Range& range, const Sending& sending, Offers& offers, Waits& waits,
                Trouble& trouble, const Offers::Damaged& damaged) {
    while (from < to) {
        const std::size_t length = std::min<std::uint64_t>(sending.segment_bytes, to - from);
        Buffer buffer = offers.take_buffer();
        if (!buffer) return false;
        {
            const Waiting reading{waits.source_read};
            if (!file.read(buffer.bytes().first(length), from, trouble)) return false;
        }
        peer::Frame frame;
        *frame.mutable_range() = range;
        frame.mutable_range()->set_offset(from);
        offers.offer(
            std::move(frame), std::move(buffer), length, sending.digests, [](const peer::Frame&) {},
            damaged);
        from += length;
    }
    return true;
}

}  // namespace

bool stream(const SourceFile& file, std::uint64_t from, std::uint64_t to, const peer::Range& range,
            const Sending& sending, Offers& offers, Waits& waits, Trouble& trouble,
            const Offers::Damaged& damaged) {
    while (from < to) {
        files::Extent data{from, to};
        if (sending.sparse && file.may_have_holes()) {
            const auto next = files::next_data(file.fd(), from, to, files::kSmallestHoleBytes);
            if (!next) {
                trouble = Trouble::of_source(next.error());
                return false;
            }
            if (!*next) break;
            data = **next;
        }
        if (!offer_data(file, data.begin, data.end, range, sending, offers, waits, trouble,
                        damaged)) {
            return false;
        }
        from = data.end;
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

}  // namespace godwit::transfer
