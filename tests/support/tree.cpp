#include "support/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>

namespace godwit::test_support {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kDifferencesMax = 40;

std::set<std::string> names_in(const std::string& path) {
    std::set<std::string> names;
    const std::unique_ptr<DIR, int (*)(DIR*)> stream{::opendir(path.c_str()), ::closedir};
    if (!stream) throw std::runtime_error{"cannot read " + path};
    while (const dirent* entry = ::readdir(stream.get())) {
        const std::string name = entry->d_name;
        if (name != "." && name != "..") names.insert(name);
    }
    return names;
}

struct stat status_of(const std::string& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) {
        throw std::runtime_error{"cannot examine " + path + ": " + std::strerror(errno)};
    }
    return info;
}

bool is_special(const struct stat& info) {
    return !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode) && !S_ISLNK(info.st_mode);
}

bool same_content(const std::string& a, const std::string& b) {
    std::ifstream first{a, std::ios::binary};
    std::ifstream second{b, std::ios::binary};
    std::vector<char> left(1 << 20);
    std::vector<char> right(1 << 20);
    while (first && second) {
        first.read(left.data(), static_cast<std::streamsize>(left.size()));
        second.read(right.data(), static_cast<std::streamsize>(right.size()));
        if (first.gcount() != second.gcount()) return false;
        if (std::memcmp(left.data(), right.data(), static_cast<std::size_t>(first.gcount())) != 0) {
            return false;
        }
    }
    return first.eof() && second.eof();
}

class Comparison {
public:
    void compare(const std::string& source, const std::string& destination) {
        const struct stat a = status_of(source);
        const struct stat b = status_of(destination);
        if ((a.st_mode & S_IFMT) != (b.st_mode & S_IFMT)) return note(destination, "kind");
        if (a.st_mode != b.st_mode) note(destination, "mode");
        if (a.st_uid != b.st_uid || a.st_gid != b.st_gid) note(destination, "owner");
        if (a.st_mtim.tv_sec != b.st_mtim.tv_sec || a.st_mtim.tv_nsec != b.st_mtim.tv_nsec) {
            note(destination, "mtime");
        }
        if (S_ISREG(a.st_mode)) {
            if (a.st_size != b.st_size) {
                note(destination, "size");
            } else if (!same_content(source, destination)) {
                note(destination, "content");
            }
        } else if (S_ISLNK(a.st_mode)) {
            if (fs::read_symlink(source) != fs::read_symlink(destination)) {
                note(destination, "link target");
            }
        } else if (S_ISDIR(a.st_mode)) {
            compare_folders(source, destination);
        }
    }

    std::vector<std::string> take() && { return std::move(found_); }

private:
    void compare_folders(const std::string& source, const std::string& destination) {
        const std::set<std::string> wanted = names_in(source);
        std::set<std::string> there = names_in(destination);
        for (const std::string& name : wanted) {
            const std::string path = source + "/" + name;
            if (is_special(status_of(path))) continue;
            if (there.erase(name) == 0) {
                note(destination + "/" + name, "missing");
            } else {
                compare(path, destination + "/" + name);
            }
        }
        for (const std::string& name : there) note(destination + "/" + name, "surplus");
    }

    void note(const std::string& path, const std::string& what) {
        if (found_.size() < kDifferencesMax) found_.push_back(what + ": " + path);
    }

    std::vector<std::string> found_;
};

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

std::vector<std::string> differences(const std::string& source, const std::string& destination) {
    Comparison comparison;
    try {
        comparison.compare(source, destination);
    } catch (const std::exception& failure) {
        return {failure.what()};
    }
    return std::move(comparison).take();
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
