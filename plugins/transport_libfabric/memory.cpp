#include "memory.h"

#include <sys/random.h>

#include <fstream>
#include <optional>
#include <string>
#include <utility>

namespace godwit::transport_libfabric {
namespace {

constexpr int kKeyAttempts = 4;  // Two random 64-bit numbers of one process are hardly ever equal.

std::optional<std::uint64_t> random_number() {
    std::uint64_t number = 0;
    if (::getrandom(&number, sizeof number, 0) != sizeof number) return std::nullopt;
    return number;
}

// CAP_IPC_LOCK: the kernel does not look at the limit then.
bool may_lock_everything() {
    constexpr unsigned kCapIpcLock = 14;
    std::ifstream status{"/proc/self/status"};
    for (std::string word; status >> word;) {
        if (word != "CapEff:") continue;
        std::uint64_t effective = 0;
        status >> std::hex >> effective;
        return (effective >> kCapIpcLock & 1) != 0;
    }
    return false;
}

std::string mebibytes(std::uint64_t bytes) {
    return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB";
}

}  // namespace

sdk::Status check_lockable(std::size_t bytes, ::rlim_t limit, bool is_privileged) {
    if (is_privileged || limit == RLIM_INFINITY || bytes <= limit) return {};
    return sdk::Error{
        sdk::Code::NoMemory,
        "the fabric needs " + mebibytes(bytes) + " of locked memory, but RLIMIT_MEMLOCK is " +
            mebibytes(limit) +
            ": set LimitMEMLOCK=infinity in the systemd unit, or `ulimit -l unlimited`"};
}

bool Memory::pins_memory() const noexcept {
    return fabric_.needs(FI_MR_ALLOCATED) && fabric_.needs(FI_MR_LOCAL);
}

sdk::Status Memory::check_limit(std::size_t more_bytes) const {
    ::rlimit limit{};
    if (!pins_memory() || ::getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return {};
    return check_lockable(locked_bytes_ + more_bytes, limit.rlim_cur, may_lock_everything());
}

sdk::Result<FidPtr<fid_mr>> Memory::register_for(std::span<std::byte> memory,
                                                 std::uint64_t access) {
    if (auto status = check_limit(memory.size()); !status) return std::move(status).error();
    int rc = -FI_ENOKEY;
    for (int attempt = 0; attempt < kKeyAttempts && rc == -FI_ENOKEY; ++attempt) {
        const auto key = random_number();
        if (!key) return sdk::Error{sdk::Code::Unavailable, "getrandom gives nothing"};
        fid_mr* registration = nullptr;
        rc = fi_mr_reg(fabric_.domain.get(), memory.data(), memory.size(), access, 0, *key, 0,
                       &registration, nullptr);
        if (rc != 0) continue;
        if (pins_memory()) locked_bytes_ += memory.size();
        return FidPtr<fid_mr>{registration};
    }
    const std::string what = "fi_mr_reg: " + mebibytes(memory.size());
    if (rc != -FI_ENOMEM) return fabric_error(what, rc, sdk::Code::Internal);
    return fabric_error(what + " (if RLIMIT_MEMLOCK is small: set LimitMEMLOCK=infinity)", rc,
                        sdk::Code::NoMemory);
}

sdk::Result<RegisteredRegion*> Memory::add_region(std::span<std::byte> memory) {
    RegisteredRegion region;
    region.memory = memory;
    if (fabric_.needs(FI_MR_LOCAL)) {
        auto local = register_for(memory, FI_READ);
        if (!local) return std::move(local).error();
        region.local = std::move(*local);
        region.descriptor = fi_mr_desc(region.local.get());
    }
    regions_.push_back(std::move(region));
    return &regions_.back();
}

sdk::Result<RemoteMemory> Memory::open_window(const RegisteredRegion& region, std::size_t offset,
                                              std::size_t length, sdk::Epoch epoch) {
    const std::span<std::byte> memory = region.memory.subspan(offset, length);
    const Extent extent{memory.data(), memory.size()};
    if (const auto epochs = windows_.find(epoch); epochs != windows_.end()) {
        const auto known = epochs->second.find(extent);
        if (known != epochs->second.end()) return known->second.remote;
    }
    if (window_count_ >= kWindowsMax) {
        return sdk::Error{sdk::Code::NoMemory, "more than " + std::to_string(kWindowsMax) +
                                                   " windows are open: revoke epochs"};
    }
    auto registration = register_for(memory, FI_REMOTE_READ);
    if (!registration) return std::move(registration).error();
    RemoteMemory remote;
    if (fabric_.needs(FI_MR_VIRT_ADDR)) {
        remote.address = reinterpret_cast<std::uintptr_t>(memory.data());
    }
    remote.length = length;
    remote.key = fi_mr_key(registration->get());
    windows_[epoch].emplace(extent, Window{std::move(*registration), remote});
    ++window_count_;
    return remote;
}

void Memory::revoke(sdk::Epoch epoch) {
    const auto found = windows_.find(epoch);
    if (found == windows_.end()) return;
    for (const auto& [extent, window] : found->second) {
        if (pins_memory()) locked_bytes_ -= extent.second;
    }
    window_count_ -= found->second.size();
    windows_.erase(found);
}

}  // namespace godwit::transport_libfabric
