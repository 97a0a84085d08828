// Between messages and the types of the files room; and what a message from outside may say.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_code.h"
#include "base/result.h"
#include "files/attributes.h"
#include "files/xattrs.h"
#include "peer.pb.h"
#include "work.pb.h"

namespace godwit::transfer {

work::Attributes to_message(const files::Attributes& attributes);
files::Attributes from_message(const work::Attributes& message, files::EntryType type);
work::EntryType to_message(files::EntryType type);
files::EntryType from_message(work::EntryType type);

std::vector<files::Xattr> from_message(const google::protobuf::RepeatedPtrField<work::Xattr>& list);
void to_message(std::span<const files::Xattr> xattrs,
                google::protobuf::RepeatedPtrField<work::Xattr>& out);
// Equal for equal attributes.
std::string xattrs_digest(std::span<const files::Xattr> xattrs);

peer::Failure to_message(base::FileCode code, const Error& error);
base::FileCode code_of(const peer::Failure& failure) noexcept;
// Failures of a peer become errors with the same text; `native` keeps the errno.
Error error_of(const peer::Failure& failure);
peer::Frame failure_frame(base::FileCode code, const Error& error);

// One component: not empty, ".", "..", no '/' and no NUL.
bool is_plain_name(std::string_view name) noexcept;
// "" or plain names with single slashes between.
bool is_plain_path(std::string_view path) noexcept;

// Entries that bring bytes in a segment.
bool has_content(const work::FileEntry& entry) noexcept;

}  // namespace godwit::transfer
