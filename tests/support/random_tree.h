// Trees that nobody would think of, and what may happen to them: the same for the same seed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

namespace godwit::test_support {

// Thread-compatible. The same numbers on every platform, other than std's distributions.
class Random {
public:
    explicit Random(std::uint64_t seed) : engine_{seed} {}

    std::uint64_t next() { return engine_(); }
    std::uint64_t below(std::uint64_t end) { return next() % end; }
    std::int64_t between(std::int64_t low, std::int64_t high) {
        return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
    }
    bool chance(std::uint64_t percent) { return below(100) < percent; }
    template <class T>
    const T& pick(const std::vector<T>& from) {
        return from[below(from.size())];
    }

private:
    std::mt19937_64 engine_;
};

// What a tree may hold beside files, folders and symlinks.
struct TreeSettings {
    std::uint64_t chunk_bytes = 1 << 20;  // Some files are as large, or hardly more or less.
    bool fifos = true;
    bool hardlinks = true;
    bool owners = true;  // Needs root.
    bool xattrs = true;
    bool acls = true;
};

// Which way the time of modification of what changes goes.
enum class Aging { Any, Older, Newer };

// What may happen to a tree. Names come and go in any case.
struct Mutations {
    bool contents = true;   // Also of links; and attributes.
    bool new_size = false;  // Of each file whose content changes.
    bool unseen = false;    // Content may change while size and time stay.
    Aging aging = Aging::Any;
    bool swaps = true;    // Files trade names; other names become the same file.
    bool types = true;    // Files become links and the reverse.
    bool fifos = true;    // Or FIFOs.
    bool folders = true;  // Or folders, and the reverse.
    bool alike = true;    // What was linked may become a copy that differs in nothing else.
};

// Thread-compatible. Everything throws when it cannot be done.
class RandomTree {
public:
    RandomTree(std::filesystem::path root, const TreeSettings& settings, Random& random)
        : root_{std::move(root)}, settings_{settings}, random_{random} {}

    void make(int entries);
    // Up to `changes` of them, no more than one a file.
    void mutate(const Mutations& mutations, int changes);
    void remove_fifos();

private:
    using Path = std::filesystem::path;

    // What there is.
    std::vector<Path> folders() const;
    std::vector<Path> entries() const;
    Path fresh_name(const Path& folder);

    // Making.
    void make_entry(const std::vector<Path>& folders);
    void make_file(const Path& path);
    void make_link(const Path& path);
    void make_fifo(const Path& path);
    void make_folder(const Path& path);
    void write_content(int fd, std::uint64_t size);
    void give_attributes(const Path& path);
    void give_acl(const Path& path, const char* kind);
    void give_xattr(const Path& path);
    std::int64_t any_time();

    // Changing.
    bool change(const Path& path, const Mutations& mutations, const std::vector<Path>& all);
    bool change_names(const Path& path, const std::vector<Path>& all);
    bool change_links(const Path& path, const Path& other, const Mutations& mutations);
    bool change_type(const Path& path, const Mutations& mutations);
    bool change_content(const Path& path, const Mutations& mutations);
    void edit(const Path& path, const Mutations& mutations);
    void change_attributes(const Path& path);
    void age(const Path& path, std::int64_t from, const Mutations& mutations);

    const Path root_;
    const TreeSettings settings_;
    Random& random_;
    int names_ = 0;
    bool mutating_ = false;
};

}  // namespace godwit::test_support
