// Sending one file's data, segment by segment.
#pragma once

#include <cstdint>

#include "peer.pb.h"
#include "transfer/offers.h"
#include "transfer/source.h"

namespace godwit::transfer {

// How a request's files are sent.
struct Sending {
    bool digests = true;
    bool sparse = true;
    bool keep_atime = false;
    files::XattrSelection xattrs;
    std::size_t segment_bytes = 0;
};

// From what the destination was told.
Sending sending_of(const peer::Open& open, std::size_t segment_bytes);

// Offers the data in [from, to) of the file; holes are passed over. `range` says whose bytes they
// are; `damaged` is as in Offers::offer(). False, with `trouble` or the offers' own set: not all of
// it could be read and offered.
bool stream(const SourceFile& file, std::uint64_t from, std::uint64_t to, const peer::Range& range,
            const Sending& sending, Offers& offers, Waits& waits, Trouble& trouble,
            const Offers::Damaged& damaged = {});

peer::Range range_of(std::uint64_t job, const std::string& directory, const work::FileEntry& file,
                     std::uint64_t temporary);

}  // namespace godwit::transfer
