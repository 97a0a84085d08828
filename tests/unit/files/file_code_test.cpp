// What an errno means for a file: the closed list that operators act on.
#include <gtest/gtest.h>

#include <cstring>

#include "files/attributes.h"

namespace godwit::files {
namespace {

using base::FileCode;

struct Meaning {
    int error_number;
    FileCode at_source;
    FileCode at_destination;
};

constexpr Meaning kMeanings[] = {
    {ENOENT, FileCode::SourceMissing, FileCode::InputOutput},
    {ENOTDIR, FileCode::TypeConflict, FileCode::TypeConflict},
    {EISDIR, FileCode::TypeConflict, FileCode::TypeConflict},
    {ELOOP, FileCode::SymlinkLoop, FileCode::TypeConflict},
    {EEXIST, FileCode::Internal, FileCode::TypeConflict},
    {ENOTEMPTY, FileCode::Internal, FileCode::TypeConflict},
    {EACCES, FileCode::PermissionDenied, FileCode::PermissionDenied},
    {EPERM, FileCode::PermissionDenied, FileCode::PermissionDenied},
    {EXDEV, FileCode::PermissionDenied, FileCode::PermissionDenied},
    {ENAMETOOLONG, FileCode::NameTooLong, FileCode::NameTooLong},
    {EMLINK, FileCode::TooManyLinks, FileCode::TooManyLinks},
    {EROFS, FileCode::ReadOnly, FileCode::ReadOnly},
    {ENOSPC, FileCode::NoSpace, FileCode::NoSpace},
    {EDQUOT, FileCode::NoSpace, FileCode::NoSpace},
    {EFBIG, FileCode::TooLarge, FileCode::TooLarge},
    {ETIMEDOUT, FileCode::TimedOut, FileCode::TimedOut},
    {ENODEV, FileCode::NoWorker, FileCode::NoWorker},
    {EIO, FileCode::InputOutput, FileCode::InputOutput},
    {ESTALE, FileCode::InputOutput, FileCode::InputOutput},
    {EREMOTEIO, FileCode::InputOutput, FileCode::InputOutput},
    {ENOTCONN, FileCode::InputOutput, FileCode::InputOutput},
    {ESHUTDOWN, FileCode::InputOutput, FileCode::InputOutput},
    {EBUSY, FileCode::InputOutput, FileCode::InputOutput},
    {ETXTBSY, FileCode::InputOutput, FileCode::InputOutput},
    {EILSEQ, FileCode::Unsupported, FileCode::Unsupported},
    {ENOSYS, FileCode::Unsupported, FileCode::Unsupported},
    {EOPNOTSUPP, FileCode::Unsupported, FileCode::Unsupported},
    {EMFILE, FileCode::Internal, FileCode::Internal},
};

TEST(FileCode, SaysWhatAnErrnoMeansOnEitherSide) {
    for (const Meaning& meaning : kMeanings) {
        const Error error = base::errno_error("do", meaning.error_number);

        EXPECT_EQ(to_string(source_code(error)), to_string(meaning.at_source))
            << std::strerror(meaning.error_number);
        EXPECT_EQ(to_string(destination_code(error)), to_string(meaning.at_destination))
            << std::strerror(meaning.error_number);
    }
}

TEST(FileCode, OfAnErrorWithoutErrnoFollowsItsCode) {
    for (const auto& [code, meaning] : {std::pair{Code::TimedOut, FileCode::TimedOut},
                                        std::pair{Code::PeerLost, FileCode::PeerLost},
                                        std::pair{Code::Internal, FileCode::Internal},
                                        std::pair{Code::Conflict, FileCode::Internal}}) {
        EXPECT_EQ(to_string(source_code({code, "x"})), to_string(meaning));
        EXPECT_EQ(to_string(destination_code({code, "x"})), to_string(meaning));
    }
}

// semantics.md S13.
TEST(FileCode, OfWhatNoRetryCanMendIsNotRetried) {
    for (const int number : {EACCES, EPERM, EISDIR, ENOTDIR, ENAMETOOLONG, EROFS, ELOOP}) {
        const Error error = base::errno_error("do", number);

        EXPECT_FALSE(base::is_retryable(source_code(error))) << std::strerror(number);
        EXPECT_FALSE(base::is_retryable(destination_code(error))) << std::strerror(number);
    }
    EXPECT_FALSE(base::is_retryable(source_code(base::errno_error("do", ENOENT))));
    for (const int number : {EIO, ESTALE, ETIMEDOUT, ENOSPC, EDQUOT}) {
        const Error error = base::errno_error("do", number);

        EXPECT_TRUE(base::is_retryable(source_code(error))) << std::strerror(number);
        EXPECT_TRUE(base::is_retryable(destination_code(error))) << std::strerror(number);
    }
}

}  // namespace
}  // namespace godwit::files
