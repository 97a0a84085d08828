// An oracle of the tests' own: compares two trees by lstat, read and listxattr, with none of
// Godwit's code, and sees what rsync does not (files that were linked and should not be; holes).
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace godwit::test_support {

// What is looked at beyond names, kinds, sizes, contents, link targets, modes, owners and mtimes.
struct Look {
    bool hardlinks = false;  // Which names are one file.
    bool xattrs = false;     // All but ACLs, which are:
    bool acls = false;
    bool atime = false;
    bool holes = false;    // The destination takes no more room than the source, or hardly.
    bool special = false;  // FIFOs, sockets and devices are there, too; else they are expected to
                           // be missing.
    bool surplus = true;   // What only the destination has is a difference.
    bool owners = true;
    bool times = true;  // Of files and links; never those of the folders above a single file.
    bool directory_times = true;
    // Paths relative to the root that are expected to be missing, with all below them.
    std::function<bool(const std::string& path)> left_out;
};

// What differs, a line each ("mtime: /path"), at most some dozens.
std::vector<std::string> differences(const std::string& source, const std::string& destination,
                                     const Look& look = {});

// What rsync would still do after a sync, a line each: `rsync -niac --delete --modify-window=-1`
// and `flags` ("-HAXS"), between the contents of the two folders.
std::vector<std::string> rsync_differences(const std::string& source,
                                           const std::string& destination,
                                           const std::string& flags = {});

}  // namespace godwit::test_support
