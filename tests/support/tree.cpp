#include "support/tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <stdexcept>

namespace godwit::test_support {
namespace {

namespace fs = std::filesystem;

}  // namespace

TemporaryFolder::TemporaryFolder(const std::string& parent) {
    path_ = (parent.empty() ? fs::temp_directory_path().string() : parent) + "/godwit-test-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error{"cannot make " + path_};
    ::chmod(path_.c_str(), 0755);  // Tests run agents as other users, too.
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

std::string TemporaryFolder::path(std::string_view relative) const {
    return relative.empty() ? path_ : path_ + "/" + std::string{relative};
}

void write_random(const std::string& path, std::uint64_t bytes, std::uint64_t seed) {
    fs::create_directories(fs::path{path}.parent_path());
    std::ofstream out{path, std::ios::binary};
    std::mt19937_64 random{seed};
    std::vector<std::uint64_t> block(1 << 17);
    while (bytes > 0) {
        std::generate(block.begin(), block.end(), [&] { return random(); });
        const std::uint64_t count = std::min<std::uint64_t>(bytes, block.size() * 8);
        out.write(reinterpret_cast<const char*>(block.data()), static_cast<std::streamsize>(count));
        bytes -= count;
    }
    if (!out.flush()) throw std::runtime_error{"cannot write " + path};
}

void write_text(const std::string& path, std::string_view text) {
    fs::create_directories(fs::path{path}.parent_path());
    std::ofstream out{path, std::ios::binary};
    out << text;
    if (!out.flush()) throw std::runtime_error{"cannot write " + path};
}

void set_mtime(const std::string& path, std::int64_t nanoseconds) {
    std::int64_t seconds = nanoseconds / 1'000'000'000;
    std::int64_t rest = nanoseconds % 1'000'000'000;
    if (rest < 0) {
        --seconds;
        rest += 1'000'000'000;
    }
    const timespec times[2] = {{0, UTIME_OMIT}, {seconds, rest}};
    if (::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) {
        throw std::runtime_error{"cannot set the time of " + path};
    }
}

void make_realistic_tree(const std::string& path, int small_files, int large_mib) {
    for (int i = 0; i < small_files; ++i) {
        const std::string folder =
            path + "/run-" + std::to_string(i % 7) + "/part-" + std::to_string(i % 3);
        write_random(folder + "/sample-" + std::to_string(i),
                     static_cast<std::uint64_t>(i) * 37 % 9000, static_cast<std::uint64_t>(i));
    }
    if (large_mib > 0) {
        const auto bytes = static_cast<std::uint64_t>(large_mib) << 20;
        write_random(path + "/large/weights.bin", bytes - bytes / 8 + 12345, 7);
        write_random(path + "/large/index.bin", bytes / 8, 8);
    }
    write_random(path + "/medium.bin", 3'000'001, 9);
    fs::create_directories(path + "/empty/folder");
    write_text(path + "/empty/file", "");
    write_text(path + "/odd/with space", "x");
    write_text(path + "/odd/new\nline", "x");
    write_text(path + "/odd/latin-\xE9", "x");
    write_text(path + "/odd/" + std::string(255, 'n'), "long name");
    fs::create_symlink("../medium.bin", path + "/odd/link");
    fs::create_symlink("/nowhere/at/all", path + "/dangling");
    ::mkfifo((path + "/fifo").c_str(), 0600);
    ::chmod((path + "/odd/with space").c_str(), 0400);
    ::chmod((path + "/medium.bin").c_str(), 04755);
    ::chmod((path + "/empty").c_str(), 0711);
    set_mtime(path + "/medium.bin", 946'684'799'123'456'789);
    set_mtime(path + "/odd/with space", -86'400'000'000'001);
    set_mtime(path + "/odd/link", 1'000'000'000'000'000'001);
    set_mtime(path + "/odd", 4'102'444'800'000'000'003);
    set_mtime(path + "/empty", 1'234'567'890'000'000'007);
}

std::vector<std::string> temporaries_below(const std::string& path) {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator{path}) {
        if (entry.path().filename().string().starts_with(".godwit.")) {
            found.push_back(entry.path());
        }
    }
    return found;
}

}  // namespace godwit::test_support
