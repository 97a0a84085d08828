// Reading a directory: names, kinds and attributes, in byte order of the names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "files/attributes.h"

namespace godwit::files {

struct Entry {
    std::string name;  // Raw bytes, never "." or "..".
    Attributes attributes;
};

// All names in the directory but our own temporaries, sorted bytewise, so that the order is the
// same on every file system and a walk can go on behind a name. One open directory stream, closed
// before it returns; `directory` keeps its position. Bounded by the directory's size.
Result<std::vector<std::string>> names_in(int directory);

// The names of our own temporaries in the directory, in no order.
Result<std::vector<std::string>> temporaries_in(int directory);

// The entry's attributes, NotFound when it has vanished meanwhile.
Result<Entry> entry_at(int directory, std::string name);

// Reads a symlink's target whole.
Result<std::string> read_link(int directory, const std::string& name);

}  // namespace godwit::files
