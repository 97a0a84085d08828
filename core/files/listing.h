// Reading a directory: names, kinds and attributes, in byte order of the names.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "files/attributes.h"
#include "files/name_list.h"

namespace godwit::files {

struct Entry {
    std::string name;  // Raw bytes, never "." or "..".
    Attributes attributes;
};

// Calls `take` with each name but "." and ".." and with its kind as dirent.h has it (DT_UNKNOWN
// where the file system does not say), in the file system's order, until it answers false. Entries
// that come or go meanwhile may be among them or not. `directory` keeps its position, and may be
// O_PATH.
Status for_each_entry(int directory,
                      const std::function<bool(const char* name, unsigned char kind)>& take);

// All names in the directory but our own temporaries, sorted bytewise, so that the order is the
// same on every file system and a walk can go on behind a name. One open directory stream, closed
// before it returns; `directory` keeps its position. Bounded by the directory's size.
Result<NameList> names_in(int directory);

// The names of our own temporaries in the directory, in no order.
Result<std::vector<std::string>> temporaries_in(int directory);

// The entry's attributes, NotFound when it has vanished meanwhile.
Result<Entry> entry_at(int directory, std::string name);

// Reads a symlink's target whole.
Result<std::string> read_link(int directory, const std::string& name);

}  // namespace godwit::files
