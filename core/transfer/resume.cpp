#include "transfer/resume.h"

#include <algorithm>

namespace godwit::transfer {
namespace {

// Of one question about contents: the destination reads them before it answers.
constexpr std::uint64_t kBytesMax = 64 << 20;
// Every piece names its directory, whose path may be a very long one.
constexpr std::size_t kPathBytesMax = 1 << 20;

Extents next_pieces(std::uint64_t at, std::uint64_t end, std::uint64_t piece_bytes,
                    std::size_t path_bytes) {
    Extents pieces;
    const std::uint64_t begin = at;
    while (at < end && at - begin < kBytesMax && pieces.size() * path_bytes < kPathBytesMax) {
        pieces.push_back({at, std::min(at + piece_bytes, end)});
        at = pieces.back().end;
    }
    return pieces;
}

peer::Digests questions_of(const work::Range& range, const Extents& pieces) {
    peer::Digests digests;
    for (const files::Extent& piece : pieces) {
        peer::DigestQuestion& question = *digests.add_questions();
        question.set_directory(range.directory());
        question.set_name(range.file().name());
        question.set_offset(piece.begin);
        question.set_length(piece.end - piece.begin);
        question.set_temporary(range.temporary());
    }
    return digests;
}

}  // namespace

Attempt<Extents> missing_of(Delivery& delivery, const SourceFile& file, const work::Range& range,
                            std::uint64_t piece_bytes, Waits& waits) {
    const std::uint64_t end = range.offset() + range.length();
    const std::size_t path_bytes = range.directory().size() + range.file().name().size() + 1;
    Extents missing;
    for (std::uint64_t at = range.offset(); at < end;) {
        const Extents pieces = next_pieces(at, end, piece_bytes, path_bytes);
        at = pieces.back().end;
        const auto answer = delivery.digests(questions_of(range, pieces));
        if (const auto* trouble = std::get_if<Trouble>(&answer)) return *trouble;
        const auto& there = std::get<peer::DigestsDone>(answer).digests();
        const Waiting reading{waits.source_read};
        for (std::size_t i = 0; i < pieces.size(); ++i) {
            const auto& [begin, piece_end] = pieces[i];
            const int index = static_cast<int>(i);
            const bool is_there = index < there.size() && !there[index].empty();
            if (is_there && file.digest(begin, piece_end - begin) == there[index]) continue;
            if (missing.empty() || missing.back().end != begin) missing.push_back({begin, begin});
            missing.back().end = piece_end;
        }
    }
    return missing;
}

}  // namespace godwit::transfer
