// Why one file failed: the closed list that operators and their scripts act on (REST `errors`).
#pragma once

#include <cstdint>
#include <string_view>

namespace godwit::base {

enum class FileCode : std::uint8_t {
    SourceMissing,   // Named by the request, and not there.
    SourceVanished,  // Listed, then gone. A class of its own: a live tree does that.
    SourceChanged,   // Changed while it was read, each time it was planned.
    PermissionDenied,
    TypeConflict,  // A file in the way of a directory, or the reverse.
    DestNotDirectory,
    Overlap,  // Source and destination are one directory, or one lies in the other.
    NameTooLong,
    ReadOnly,
    SymlinkLoop,
    SymlinkOutside,  // It was to be followed, and leads out of the storage path.
    TooManyLinks,
    NoSpace,  // Also quota.
    TooLarge,
    InputOutput,  // EIO and its kin: the medium or the server.
    DigestMismatch,
    PeerLost,
    TimedOut,
    NoWorker,  // The worker does not mount the path, or not any more.
    WorkerLost,
    MaxDeleteExceeded,
    DeleteSkipped,  // Something failed before: what is surplus cannot be told for sure.
    Unsupported,
    Internal,
};

constexpr std::string_view to_string(FileCode code) noexcept {
    switch (code) {
    case FileCode::SourceMissing: return "source_missing";
    case FileCode::SourceVanished: return "source_vanished";
    case FileCode::SourceChanged: return "source_changed";
    case FileCode::PermissionDenied: return "permission_denied";
    case FileCode::TypeConflict: return "type_conflict";
    case FileCode::DestNotDirectory: return "dest_not_directory";
    case FileCode::Overlap: return "overlap";
    case FileCode::NameTooLong: return "name_too_long";
    case FileCode::ReadOnly: return "read_only";
    case FileCode::SymlinkLoop: return "symlink_loop";
    case FileCode::SymlinkOutside: return "symlink_outside";
    case FileCode::TooManyLinks: return "too_many_links";
    case FileCode::NoSpace: return "no_space";
    case FileCode::TooLarge: return "too_large";
    case FileCode::InputOutput: return "io_error";
    case FileCode::DigestMismatch: return "digest_mismatch";
    case FileCode::PeerLost: return "peer_lost";
    case FileCode::TimedOut: return "timed_out";
    case FileCode::NoWorker: return "no_worker";
    case FileCode::WorkerLost: return "worker_lost";
    case FileCode::MaxDeleteExceeded: return "max_delete_exceeded";
    case FileCode::DeleteSkipped: return "delete_skipped";
    case FileCode::Unsupported: return "unsupported";
    case FileCode::Internal: return "internal";
    }
    return "internal";
}

constexpr bool is_file_code(std::string_view text) noexcept {
    for (int code = 0; code <= static_cast<int>(FileCode::Internal); ++code) {
        if (text == to_string(static_cast<FileCode>(code))) return true;
    }
    return false;
}

// Whether another attempt, or another worker, may succeed where this one failed.
constexpr bool is_retryable(FileCode code) noexcept {
    switch (code) {
    case FileCode::InputOutput:
    case FileCode::DigestMismatch:
    case FileCode::PeerLost:
    case FileCode::TimedOut:
    case FileCode::WorkerLost:
    case FileCode::SourceChanged:
    case FileCode::NoSpace:
    case FileCode::NoWorker:
    case FileCode::Internal: return true;
    case FileCode::SourceMissing:
    case FileCode::SourceVanished:
    case FileCode::PermissionDenied:
    case FileCode::TypeConflict:
    case FileCode::DestNotDirectory:
    case FileCode::Overlap:
    case FileCode::NameTooLong:
    case FileCode::ReadOnly:
    case FileCode::SymlinkLoop:
    case FileCode::SymlinkOutside:
    case FileCode::TooManyLinks:
    case FileCode::TooLarge:
    case FileCode::MaxDeleteExceeded:
    case FileCode::DeleteSkipped:
    case FileCode::Unsupported: return false;
    }
    return false;
}

}  // namespace godwit::base
