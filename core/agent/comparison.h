// Whether what stands at the destination is what the source has: options.compare, and what goes
// with it. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "files/attributes.h"
#include "model/options.h"
#include "peer.pb.h"

namespace godwit::agent {

// What the destination said of itself, and what the request wants.
struct CompareRules {
    model::Compare compare = model::Compare::SizeMtime;
    std::int64_t time_granularity_ns = 1;  // The destination's.
    bool owners = true;                    // The destination can set them.
    bool xattrs = false;                   // Extended attributes or ACLs are compared.
    bool atime = false;
    bool replace_type = false;
    bool hardlinks = false;
};

// Of the source: a file, a symlink or a special file.
struct Wanted {
    const files::Attributes& attributes;
    const std::string& link_target;
    const std::string& xattrs_digest;
};

enum class Verdict : std::uint8_t {
    Same,        // Nothing to do.
    Leave,       // Something else, and the request wants it left.
    Attributes,  // Only mode, owner, times or extended attributes differ.
    Content,
    NeedsDigest,  // Same or Attributes if the contents are equal, else Content.
    Conflict,     // A directory is in the way.
};

Verdict compare(const CompareRules& rules, const Wanted& wanted, const peer::FoundEntry& found);
// Once the contents are known to be equal.
Verdict compare_attributes(const CompareRules& rules, const Wanted& wanted,
                           const peer::FoundEntry& found);

// What all names of one file of the source have in common, as long as nobody touches it, and on
// whichever worker it is looked at.
std::string link_key_of(const files::Attributes& attributes);

// Whether a directory's own attributes are as they should be.
bool same_directory(const CompareRules& rules, const files::Attributes& wanted,
                    const std::string& xattrs_digest, const peer::DirectoryAnswer& found);

// As well as the coarser of the two file systems can tell.
bool same_time(const CompareRules& rules, std::int64_t source_ns, std::int64_t found_ns) noexcept;

}  // namespace godwit::agent
