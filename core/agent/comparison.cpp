#include "agent/comparison.h"

#include <sys/stat.h>

#include "base/bytes.h"
#include "files/granularity.h"

namespace godwit::agent {
namespace {

using files::Attributes;
using files::EntryType;
using model::Compare;

constexpr std::uint32_t kSetIdBits = S_ISUID | S_ISGID;

bool same_owner(const Attributes& wanted, const work::Attributes& found) {
    return wanted.uid == found.uid() && wanted.gid == found.gid();
}

bool same_mode(const CompareRules& rules, const Attributes& wanted, const work::Attributes& found) {
    // Without the right owner the destination has dropped these.
    const bool dropped = !rules.owners && !same_owner(wanted, found);
    const std::uint32_t mask = dropped ? ~kSetIdBits : ~0U;
    return (wanted.mode & mask) == (found.mode() & mask);
}

bool same_attributes(const CompareRules& rules, const Attributes& wanted,
                     const std::string& xattrs_digest, const work::Attributes& found,
                     const std::string& found_digest) {
    const bool moded = wanted.type != EntryType::Symlink;
    return (!moded || same_mode(rules, wanted, found)) &&
           (!rules.owners || same_owner(wanted, found)) &&
           same_time(rules, wanted.mtime_ns, found.mtime_ns()) &&
           (!rules.atime || same_time(rules, wanted.atime_ns, found.atime_ns())) &&
           (!rules.xattrs || xattrs_digest == found_digest);
}

Verdict compare_files(const CompareRules& rules, const Wanted& wanted,
                      const peer::FoundEntry& found) {
    const Attributes& source = wanted.attributes;
    const work::Attributes& there = found.attributes();
    const bool same_size = source.size == there.size();
    const bool same_mtime = same_time(rules, source.mtime_ns, there.mtime_ns());
    bool same = false;
    switch (rules.compare) {
    case Compare::Always: return Verdict::Content;
    case Compare::Exists: return Verdict::Leave;
    case Compare::Checksum: return same_size ? Verdict::NeedsDigest : Verdict::Content;
    case Compare::Size: same = same_size; break;
    case Compare::SizeMtime: same = same_size && same_mtime; break;
    case Compare::Newer:
        if (!same_mtime && there.mtime_ns() > source.mtime_ns) return Verdict::Leave;
        same = same_size && same_mtime;
        break;
    }
    return same ? compare_attributes(rules, wanted, found) : Verdict::Content;
}

Verdict compare_links(const CompareRules& rules, const Wanted& wanted,
                      const peer::FoundEntry& found) {
    if (wanted.link_target != found.link_target()) return Verdict::Content;
    CompareRules link = rules;
    link.atime = false;  // Whoever reads a link changes it, and there is no way around that.
    return compare_attributes(link, wanted, found);
}

}  // namespace

std::string link_key_of(const Attributes& attributes) {
    // Without the device, whose number is another one on each worker: files of two file systems
    // that agree in all of this have one history, and so one content.
    std::string key;
    for (const std::uint64_t part :
         {attributes.inode, static_cast<std::uint64_t>(attributes.ctime_ns), attributes.size,
          static_cast<std::uint64_t>(attributes.mtime_ns)}) {
        key += base::to_hex(part);
    }
    return key;
}

bool same_time(const CompareRules& rules, std::int64_t source_ns, std::int64_t found_ns) noexcept {
    return files::is_same_time(source_ns, found_ns, rules.time_granularity_ns);
}

Verdict compare_attributes(const CompareRules& rules, const Wanted& wanted,
                           const peer::FoundEntry& found) {
    if (same_attributes(rules, wanted.attributes, wanted.xattrs_digest, found.attributes(),
                        found.xattrs_digest())) {
        return Verdict::Same;
    }
    // What is set on one name of a file is set on all of them, and these are files of their own.
    const bool shares = !rules.hardlinks && found.attributes().links() > 1;
    return shares ? Verdict::Content : Verdict::Attributes;
}

Verdict compare(const CompareRules& rules, const Wanted& wanted, const peer::FoundEntry& found) {
    const auto type = static_cast<EntryType>(found.type());
    if (rules.compare == Compare::Exists) return Verdict::Leave;
    if (type == EntryType::Directory) {
        return rules.replace_type ? Verdict::Content : Verdict::Conflict;
    }
    if (type != wanted.attributes.type || found.wrongly_linked()) return Verdict::Content;
    switch (type) {
    case EntryType::File: return compare_files(rules, wanted, found);
    case EntryType::Symlink: return compare_links(rules, wanted, found);
    case EntryType::BlockDevice:
    case EntryType::CharDevice:
        if (wanted.attributes.device_number != found.attributes().device_number()) {
            return Verdict::Content;
        }
        break;
    default: break;
    }
    return compare_attributes(rules, wanted, found);
}

bool same_directory(const CompareRules& rules, const Attributes& wanted,
                    const std::string& xattrs_digest, const peer::DirectoryAnswer& found) {
    CompareRules directory = rules;
    directory.atime = false;  // Whoever lists a directory changes it.
    return !found.created() && same_attributes(directory, wanted, xattrs_digest, found.attributes(),
                                               found.xattrs_digest());
}

}  // namespace godwit::agent
