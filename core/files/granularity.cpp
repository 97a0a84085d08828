#include "files/granularity.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>

#include "base/unique_fd.h"

namespace godwit::files {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kSteps[] = {2 * kSecond, kSecond, 100'000'000, 10'000'000, 1'000'000,
                                   100'000,     10'000,  1'000,       100,        10};

// What cannot be tried, because the file system has no files without names, or may not be written.
struct Known {
    std::uint32_t magic;  // statfs(2)
    std::int64_t step_ns;
};
constexpr Known kKnown[] = {
    {0x4d44, 2 * kSecond},     // FAT
    {0x2011BAB0, 10'000'000},  // exFAT
    {0x0BD00BD0, kSecond},     // Lustre
    {0x19830326, kSecond},     // BeeGFS
    {0x5346414F, kSecond},     // AFS
    {0x6B414653, kSecond},     // AFS of the kernel
    {0x4244, kSecond},         // HFS
    {0x482B, kSecond},         // HFS+
    {0x52654973, kSecond},     // ReiserFS
    {0x9660, kSecond},         // ISO 9660
    {0x73717368, kSecond},     // SquashFS
    {0x28cd3d45, kSecond},     // cramfs
    {0x15013346, 1'000},       // UDF
    {0x5346544e, 100},         // NTFS
    {0x7366746e, 100},         // NTFS, in the kernel
    {0xFF534D42, 100},         // CIFS
    {0xFE534D42, 100},         // SMB 2
};

// Odd in every digit, so that each step leaves another trace, and an odd second.
constexpr std::int64_t kTriedSecond = 1'000'000'001;
constexpr std::int64_t kTriedNanos = 123'456'789;

// The coarsest step that such a time lies on.
std::int64_t step_of(const timespec& kept) noexcept {
    const std::int64_t time = kept.tv_sec * kSecond + kept.tv_nsec;
    for (const std::int64_t step : kSteps) {
        if (time % step == 0) return step;
    }
    return 1;
}

// Nothing, with errno set: it cannot be tried here.
std::optional<std::int64_t> try_it(int directory) {
    const base::UniqueFd file{::openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
    if (!file) return std::nullopt;
    const timespec times[2] = {{0, UTIME_OMIT}, {kTriedSecond, kTriedNanos}};
    struct stat kept {};
    if (::futimens(file.get(), times) != 0 || ::fstat(file.get(), &kept) != 0) return std::nullopt;
    return step_of(kept.st_mtim);
}

// Whether another directory of the file system would say the same.
bool is_of_file_system(int error_number) noexcept {
    return error_number == EOPNOTSUPP || error_number == EISDIR || error_number == EINVAL ||
           error_number == EROFS;
}

std::int64_t known_step(std::uint32_t magic) noexcept {
    for (const Known& known : kKnown) {
        if (known.magic == magic) return known.step_ns;
    }
    return 1;
}

// A device number alone is not enough: what is unmounted leaves it to what is mounted next.
using FileSystem = std::tuple<dev_t, std::uint32_t, std::uint64_t>;

struct Cache {
    std::mutex mutex;
    std::map<FileSystem, std::int64_t> steps;
};

Cache& cache() {
    static Cache cache;
    return cache;
}

// Mounts that come and go do not pile up for ever.
constexpr std::size_t kCachedMax = 1'024;

std::int64_t floor_div(std::int64_t value, std::int64_t by) noexcept {
    const std::int64_t quotient = value / by;
    return value % by < 0 ? quotient - 1 : quotient;
}

}  // namespace

bool is_same_time(std::int64_t a_ns, std::int64_t b_ns, std::int64_t step_ns) noexcept {
    return a_ns == b_ns || (step_ns > 1 && floor_div(a_ns, step_ns) == floor_div(b_ns, step_ns));
}

std::int64_t time_granularity_ns(int directory) {
    struct stat info {};
    struct statfs system {};
    if (::fstat(directory, &info) != 0 || ::fstatfs(directory, &system) != 0) return 1;
    const auto magic = static_cast<std::uint32_t>(system.f_type);
    std::uint64_t id = 0;
    static_assert(sizeof(system.f_fsid) == sizeof(id));
    std::memcpy(&id, &system.f_fsid, sizeof(id));
    const FileSystem key{info.st_dev, magic, id};
    {
        const std::lock_guard lock{cache().mutex};
        const auto found = cache().steps.find(key);
        if (found != cache().steps.end()) return found->second;
    }
    const auto tried = try_it(directory);
    const std::int64_t step = tried ? *tried : known_step(magic);
    if (!tried && !is_of_file_system(errno)) return step;
    const std::lock_guard lock{cache().mutex};
    if (cache().steps.size() >= kCachedMax) cache().steps.clear();
    cache().steps[key] = step;
    return step;
}

}  // namespace godwit::files
