#include "transfer/messages.h"

#include "transfer/digest.h"

namespace godwit::transfer {

work::Attributes to_message(const files::Attributes& attributes) {
    work::Attributes message;
    message.set_mode(attributes.mode);
    message.set_uid(attributes.uid);
    message.set_gid(attributes.gid);
    message.set_size(attributes.size);
    message.set_mtime_ns(attributes.mtime_ns);
    message.set_ctime_ns(attributes.ctime_ns);
    message.set_inode(attributes.inode);
    message.set_atime_ns(attributes.atime_ns);
    message.set_device_number(attributes.device_number);
    message.set_links(attributes.links);
    return message;
}

files::Attributes from_message(const work::Attributes& message, files::EntryType type) {
    files::Attributes attributes;
    attributes.type = type;
    attributes.mode = message.mode() & 07777;
    attributes.uid = message.uid();
    attributes.gid = message.gid();
    attributes.size = message.size();
    attributes.mtime_ns = message.mtime_ns();
    attributes.ctime_ns = message.ctime_ns();
    attributes.inode = message.inode();
    attributes.atime_ns = message.atime_ns();
    attributes.device_number = message.device_number();
    attributes.links = message.links();
    return attributes;
}

work::EntryType to_message(files::EntryType type) {
    switch (type) {
    case files::EntryType::Directory: return work::DIRECTORY;
    case files::EntryType::Symlink: return work::SYMLINK;
    case files::EntryType::Fifo: return work::FIFO;
    case files::EntryType::Socket: return work::SOCKET;
    case files::EntryType::BlockDevice: return work::BLOCK_DEVICE;
    case files::EntryType::CharDevice: return work::CHAR_DEVICE;
    case files::EntryType::File: break;
    }
    return work::FILE;
}

files::EntryType from_message(work::EntryType type) {
    switch (type) {
    case work::DIRECTORY: return files::EntryType::Directory;
    case work::SYMLINK: return files::EntryType::Symlink;
    case work::FIFO: return files::EntryType::Fifo;
    case work::SOCKET: return files::EntryType::Socket;
    case work::BLOCK_DEVICE: return files::EntryType::BlockDevice;
    case work::CHAR_DEVICE: return files::EntryType::CharDevice;
    default: return files::EntryType::File;
    }
}

std::vector<files::Xattr> from_message(
    const google::protobuf::RepeatedPtrField<work::Xattr>& list) {
    std::vector<files::Xattr> xattrs;
    for (const work::Xattr& xattr : list) xattrs.push_back({xattr.name(), xattr.value()});
    return xattrs;
}

void to_message(std::span<const files::Xattr> xattrs,
                google::protobuf::RepeatedPtrField<work::Xattr>& out) {
    for (const files::Xattr& xattr : xattrs) {
        work::Xattr& added = *out.Add();
        added.set_name(xattr.name);
        added.set_value(xattr.value);
    }
}

std::string xattrs_digest(std::span<const files::Xattr> xattrs) {
    const std::string text = files::serialise(xattrs);
    return digest_of(std::as_bytes(std::span{text}));
}

peer::Failure to_message(base::FileCode code, const Error& error) {
    peer::Failure failure;
    failure.set_code(static_cast<std::uint32_t>(code));
    failure.set_error_number(error.native);
    failure.set_message(error.message);
    return failure;
}

base::FileCode code_of(const peer::Failure& failure) noexcept {
    const auto last = static_cast<std::uint32_t>(base::FileCode::Internal);
    return static_cast<base::FileCode>(failure.code() <= last ? failure.code() : last);
}

Error error_of(const peer::Failure& failure) {
    return {Code::Internal, failure.message(), failure.error_number()};
}

peer::Frame failure_frame(base::FileCode code, const Error& error) {
    peer::Frame frame;
    *frame.mutable_failure() = to_message(code, error);
    return frame;
}

bool is_plain_name(std::string_view name) noexcept {
    return !name.empty() && name != "." && name != ".." && name.size() <= 255 &&
           name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

bool is_plain_path(std::string_view path) noexcept {
    while (!path.empty()) {
        const std::size_t slash = path.find('/');
        if (!is_plain_name(path.substr(0, slash))) return false;
        if (slash == std::string_view::npos) return true;
        path.remove_prefix(slash + 1);
        if (path.empty()) return false;
    }
    return true;
}

bool has_content(const work::FileEntry& entry) noexcept {
    return entry.type() == work::FILE && !entry.attributes_only() && entry.link_to().empty();
}

}  // namespace godwit::transfer
