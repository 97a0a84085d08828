// Extended attributes, and POSIX ACLs, which are some of them.
//
// Set them when everything is written and the owner is set: both clear security.capability. Then
// the mode, then these: the access ACL and the mode share the bits of the group, and chmod() after
// an ACL changes its mask, while an ACL after chmod() brings its own. Times may be set before or
// after; attributes change nothing but the ctime.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace godwit::files {

struct Xattr {
    std::string name;   // "user.origin"
    std::string value;  // Any bytes, also none.

    bool operator==(const Xattr&) const = default;
};

// Which of them are meant; no others are read, set or removed.
//
// `xattrs` is all of user.*, trusted.* and security.*, but not
// - what says how this file system, or this machine, keeps the file, and would harm on another:
//   Lustre's layout and links, Gluster's, overlayfs's and XFS's own, security.evm (bound to the
//   inode and to a key of the machine);
// - what the policy of this machine says of the file: security.selinux, and the labels of Smack and
//   AppArmor. The destination labels its files by its own policy. (rsync -X and cp -a copy them.)
// security.capability is copied: like setuid it is a property of the program, though of no owner.
//
// `acls` is system.posix_acl_access and system.posix_acl_default, the numbers in them as they are.
// An access ACL that says no more than the mode counts as none. NFSv4 ACLs are not read.
struct XattrSelection {
    bool xattrs = false;
    bool acls = false;

    bool any() const noexcept { return xattrs || acls; }
    bool operator==(const XattrSelection&) const = default;
};

// Names and values of one file together, in bytes. (The kernel's own bounds are 64 KiB for a value
// and for all names.)
inline constexpr std::size_t kXattrBytesMax = 1 << 20;

// Sorted by name. `fd` is of anything, also of a symlink, opened with O_PATH or without; none of
// these functions ever follows one. A file system that has no attributes has none to read. What may
// not be read for want of privileges (trusted.*) is not seen, by anybody. E2BIG in `native`: more
// than kXattrBytesMax.
Result<std::vector<Xattr>> read_xattrs(int fd, XattrSelection selection);
// Of `name` in the directory, which may be O_PATH. NotFound.
Result<std::vector<Xattr>> read_xattrs_at(int directory, const std::string& name,
                                          XattrSelection selection);

// What could not be kept, though the rest was: the caller warns once per request.
struct XattrsApplied {
    bool xattrs_kept = true;
    bool acls_kept = true;
    std::vector<std::string> not_kept;  // The names of both.
};

// Makes the selected attributes be `wanted` (in any order, each name once): sets what differs,
// removes what is surplus, an ACL that was inherited too. Repeating it is safe. What may not be set
// here (no privilege, or no such attributes on this file system) is told in the answer; what is
// wrong besides is an error, and what was set before stays. Names in `wanted` that the selection
// does not mean are left out. Gives the owner of a file the right to write to it as long as that
// takes, where user.* ask for it.
// E2BIG in `native`: larger than the file system keeps attributes (some say ENOSPC to that; here it
// is left to mean a file system that is full). InvalidArgument: a name that is none.
Result<XattrsApplied> apply_xattrs(int fd, std::span<const Xattr> wanted, XattrSelection selection);
Result<XattrsApplied> apply_xattrs_at(int directory, const std::string& name,
                                      std::span<const Xattr> wanted, XattrSelection selection);

// The same bytes for the same attributes in the same order, and for no others: to be hashed.
std::string serialise(std::span<const Xattr> xattrs);

}  // namespace godwit::files
