#include "transfer/payload.h"

#include <zstd.h>

#include "godwit/sdk/types.h"

namespace godwit::transfer {
namespace {

// Names in a directory resemble each other; the fastest level finds most of that.
constexpr int kCompressionLevel = 1;

}  // namespace

Result<std::string> seal_payload(const work::Work& work) {
    std::string plain;
    if (!work.SerializeToString(&plain)) {
        return Error{Code::Internal, "serialise a payload: protobuf refused it"};
    }
    std::string sealed(ZSTD_compressBound(plain.size()), '\0');
    const std::size_t length =
        ZSTD_compress(sealed.data(), sealed.size(), plain.data(), plain.size(), kCompressionLevel);
    if (ZSTD_isError(length) != 0) {
        return Error{Code::Internal,
                     std::string{"compress a payload: "} + ZSTD_getErrorName(length)};
    }
    sealed.resize(length);
    if (plain.size() > kWorkBytesMax || sealed.size() > sdk::kPayloadBytesMax) {
        return Error{Code::InvalidArgument,
                     "a payload of " + std::to_string(sealed.size()) + " bytes is too long"};
    }
    return sealed;
}

Result<work::Work> open_payload(std::string_view payload) {
    const unsigned long long size = ZSTD_getFrameContentSize(payload.data(), payload.size());
    if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN ||
        size > kWorkBytesMax) {
        return Error{Code::InvalidArgument, "open a payload: not one of this version"};
    }
    std::string plain(static_cast<std::size_t>(size), '\0');
    const std::size_t length =
        ZSTD_decompress(plain.data(), plain.size(), payload.data(), payload.size());
    work::Work work;
    if (ZSTD_isError(length) != 0 || length != plain.size() || !work.ParseFromString(plain)) {
        return Error{Code::InvalidArgument, "open a payload: it is damaged"};
    }
    return work;
}

}  // namespace godwit::transfer
