#include "plugin/library.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/dll/shared_library.hpp>
#include <cstring>
#include <filesystem>

namespace godwit::plugin {
namespace {

namespace dll = boost::dll;

Error refuse(const std::string& file, const std::string& reason) {
    return Error{Code::InvalidArgument, "plugin " + file + ": " + reason};
}

// Boost puts dlerror's text between other words: "load() failed (dlerror system message: X): Y".
std::string dlerror_text(const std::string& what) {
    constexpr std::string_view kBefore = "dlerror system message: ";
    const std::size_t start = what.find(kBefore);
    if (start == std::string::npos) return what;
    const std::size_t end = what.rfind(')');
    return what.substr(start + kBefore.size(), end - start - kBefore.size());
}

std::string check(const sdk::PluginDescriptor& descriptor) {
    if (descriptor.magic != sdk::kPluginMagic) {
        return "its symbol godwit_plugin_v1 is no plugin descriptor";
    }
    if (descriptor.abi_version != sdk::kAbiVersion) {
        return "built for SDK version " + std::to_string(descriptor.abi_version) +
               ", this is version " + std::to_string(sdk::kAbiVersion) + ": rebuild the plugin";
    }
    if (descriptor.descriptor_bytes < sizeof(sdk::PluginDescriptor)) {
        return "its descriptor has " + std::to_string(descriptor.descriptor_bytes) + " bytes, " +
               std::to_string(sizeof(sdk::PluginDescriptor)) +
               " are needed: built for an older SDK, rebuild the plugin";
    }
    if (std::strcmp(descriptor.abi_tag, GODWIT_ABI_TAG) != 0) {
        return "built with the C++ ABI '" + std::string{descriptor.abi_tag} + "', this is '" +
               GODWIT_ABI_TAG + "': rebuild the plugin with the same compiler family";
    }
    const int factories = (descriptor.make_state_store != nullptr) +
                          (descriptor.make_assignment_policy != nullptr) +
                          (descriptor.make_transport != nullptr);
    if (factories != 1) return "its descriptor names " + std::to_string(factories) + " factories";
    return {};
}

// A missing file has no owner to distrust: the load will say so.
Result<struct stat> stat_path(const std::filesystem::path& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) {
        return base::errno_error("examine '" + path.string() + "'");
    }
    return info;
}

uid_t executable_owner() {
    struct stat info {};
    return ::stat("/proc/self/exe", &info) == 0 ? info.st_uid : 0;
}

// Whether the group has the owner's name and no other member: many systems give every user such a
// group, and a umask of 002, so that nearly all that is built there can be written by it.
bool is_private_group(gid_t gid, uid_t owner) {
    const passwd* user = ::getpwuid(owner);
    const group* group = ::getgrgid(gid);
    if (user == nullptr || group == nullptr || user->pw_gid != gid) return false;
    const std::string name = user->pw_name;
    if (name != group->gr_name) return false;
    for (char** member = group->gr_mem; *member != nullptr; ++member) {
        if (name != *member) return false;
    }
    // Those whose first group it is are not among its members.
    bool is_private = true;
    ::setpwent();
    while (const passwd* other = ::getpwent()) {
        is_private = is_private && (other->pw_gid != gid || other->pw_uid == owner);
    }
    ::endpwent();
    return is_private;
}

bool can_be_written_by_others(const struct stat& info) {
    // In a sticky folder (/tmp) others cannot rename what is not theirs.
    if (S_ISDIR(info.st_mode) && (info.st_mode & S_ISVTX) != 0) return false;
    if ((info.st_mode & S_IWOTH) != 0) return true;
    return (info.st_mode & S_IWGRP) != 0 && !is_private_group(info.st_gid, info.st_uid);
}

// Whoever can write to a folder above the executable can replace the executable itself.
bool is_above_executable(const std::filesystem::path& folder) {
    std::error_code ignored;
    const auto executable = std::filesystem::read_symlink("/proc/self/exe", ignored);
    const auto [end, rest] =
        std::mismatch(folder.begin(), folder.end(), executable.begin(), executable.end());
    return end == folder.end();
}

}  // namespace

Status check_ownership(const std::string& file) {
    std::error_code failed;
    const std::filesystem::path real = std::filesystem::canonical(file, failed);
    if (failed) return refuse(file, failed.message());
    const uid_t owner = executable_owner();
    for (std::filesystem::path path = real;; path = path.parent_path()) {
        if (is_above_executable(path)) return {};
        const auto info = stat_path(path);
        if (!info) return refuse(file, info.error().message);
        const bool trusted =
            info->st_uid == 0 || info->st_uid == ::geteuid() || info->st_uid == owner;
        if (!trusted) {
            return refuse(
                file, "'" + path.string() + "' belongs to user " + std::to_string(info->st_uid) +
                          ", who could replace it: chown it to root or to the service's user");
        }
        if (can_be_written_by_others(*info)) {
            return refuse(file, "'" + path.string() + "' can be written by others: chmod go-w it");
        }
        if (path == path.root_path()) return {};
    }
}

Result<std::shared_ptr<const Library>> Library::load(const std::string& file) {
    if (auto owned = check_ownership(file); !owned) return std::move(owned).error();
    // Leaked: a plugin stays for the life of the process (see godwit/sdk/plugin.h).
    auto* library = new dll::shared_library;
    try {
        library->load(file, dll::load_mode::rtld_now | dll::load_mode::rtld_local);
    } catch (const std::exception& failure) {
        delete library;
        return refuse(file, "cannot be loaded: " + dlerror_text(failure.what()));
    }
    if (!library->has(sdk::kPluginSymbol)) {
        return refuse(file, "is no Godwit plugin: it has no symbol godwit_plugin_v1");
    }
    const auto& descriptor = library->get<const sdk::PluginDescriptor>(sdk::kPluginSymbol);
    if (std::string problem = check(descriptor); !problem.empty()) return refuse(file, problem);
    return std::shared_ptr<const Library>{new Library{file, &descriptor}};
}

}  // namespace godwit::plugin
