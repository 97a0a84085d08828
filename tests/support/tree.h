// Trees of files for tests. support/oracle.h compares two of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "support/oracle.h"

namespace godwit::test_support {

// A folder that goes with the object.
class TemporaryFolder {
public:
    // In /tmp, or in `parent`.
    explicit TemporaryFolder(const std::string& parent = {});
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    std::string path(std::string_view relative = {}) const;

private:
    std::string path_;
};

// Writes `bytes` pseudo-random bytes; the same for the same seed. Makes the folders above.
void write_random(const std::string& path, std::uint64_t bytes, std::uint64_t seed = 1);
void write_text(const std::string& path, std::string_view text);
void set_mtime(const std::string& path, std::int64_t nanoseconds);

// Files small, medium and large, links, empty things, odd names and modes. About `large_mib` MiB.
void make_realistic_tree(const std::string& path, int small_files, int large_mib);

// Names below the folder that begin with ".godwit.".
std::vector<std::string> temporaries_below(const std::string& path);

}  // namespace godwit::test_support
