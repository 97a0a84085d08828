#include "library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ucx_log.h"

namespace godwit::transport_ucx {
namespace {

// The sonames of UCX 1.x.
constexpr const char* kUcpFile = "libucp.so.0";
constexpr const char* kUcsFile = "libucs.so.0";
constexpr unsigned kMajor = 1;
constexpr unsigned kMinorLowest = 13;

// What UCX reads once, in its constructor. Whatever the environment says: the signals, mmap and
// malloc belong to the host, which registers its memory explicitly and needs none of the hooks.
constexpr std::pair<const char*, const char*> kQuietEnvironment[] = {
    {"UCX_HANDLE_ERRORS", "none"},  // SIGSEGV, SIGILL, SIGBUS, SIGFPE
    {"UCX_DEBUG_SIGNO", "0"},       // SIGHUP, even where no errors are handled
    {"UCX_MEM_EVENTS", "n"},       {"UCX_MEM_MMAP_HOOK_MODE", "none"},
    {"UCX_MEM_MALLOC_HOOKS", "n"}, {"UCX_MEM_MALLOC_RELOC", "n"},
    {"UCX_VFS_ENABLE", "n"},  // A thread and a FUSE mount for people who debug UCX.
};

// Sets a variable for as long as it lives.
class EnvironmentOverride {
public:
    EnvironmentOverride(const char* name, const char* value) : name_{name} {
        if (const char* before = ::getenv(name)) before_ = before;
        ::setenv(name, value, 1);
    }
    ~EnvironmentOverride() {
        if (before_) {
            ::setenv(name_, before_->c_str(), 1);
        } else {
            ::unsetenv(name_);
        }
    }
    EnvironmentOverride(const EnvironmentOverride&) = delete;
    EnvironmentOverride& operator=(const EnvironmentOverride&) = delete;

private:
    const char* name_;
    std::optional<std::string> before_;
};

class Symbols {
public:
    Symbols(void* ucp, void* ucs) : ucp_{ucp}, ucs_{ucs} {}

    template <class Function>
    void find(const char* name, Function& out) {
        void* symbol = ::dlsym(std::string_view{name}.starts_with("ucs_") ? ucs_ : ucp_, name);
        if (symbol == nullptr) missing_ += missing_.empty() ? name : std::string{", "} + name;
        out = reinterpret_cast<Function>(symbol);
    }
    const std::string& missing() const { return missing_; }

private:
    void* ucp_;
    void* ucs_;
    std::string missing_;
};

void find_context_functions(Symbols& symbols, Library& library) {
    symbols.find("ucp_get_version", library.ucp_get_version);
    symbols.find("ucp_get_version_string", library.ucp_get_version_string);
    symbols.find("ucp_config_read", library.ucp_config_read);
    symbols.find("ucp_config_modify", library.ucp_config_modify);
    symbols.find("ucp_config_release", library.ucp_config_release);
    symbols.find("ucp_init_version", library.ucp_init_version);
    symbols.find("ucp_cleanup", library.ucp_cleanup);
    symbols.find("ucp_mem_map", library.ucp_mem_map);
    symbols.find("ucp_mem_unmap", library.ucp_mem_unmap);
    symbols.find("ucs_status_string", library.ucs_status_string);
    symbols.find("ucs_log_push_handler", library.ucs_log_push_handler);
}

void find_worker_functions(Symbols& symbols, Library& library) {
    symbols.find("ucp_worker_create", library.ucp_worker_create);
    symbols.find("ucp_worker_destroy", library.ucp_worker_destroy);
    symbols.find("ucp_worker_get_efd", library.ucp_worker_get_efd);
    symbols.find("ucp_worker_arm", library.ucp_worker_arm);
    symbols.find("ucp_worker_progress", library.ucp_worker_progress);
    symbols.find("ucp_worker_set_am_recv_handler", library.ucp_worker_set_am_recv_handler);
    symbols.find("ucp_listener_create", library.ucp_listener_create);
    symbols.find("ucp_listener_destroy", library.ucp_listener_destroy);
    symbols.find("ucp_listener_query", library.ucp_listener_query);
    symbols.find("ucp_listener_reject", library.ucp_listener_reject);
    symbols.find("ucp_ep_create", library.ucp_ep_create);
    symbols.find("ucp_ep_close_nbx", library.ucp_ep_close_nbx);
    symbols.find("ucp_am_send_nbx", library.ucp_am_send_nbx);
    symbols.find("ucp_am_recv_data_nbx", library.ucp_am_recv_data_nbx);
    symbols.find("ucp_request_free", library.ucp_request_free);
}

sdk::Error not_usable(const std::string& why) {
    return {sdk::Code::NotFound, "load UCX: " + why + "; install UCX 1." +
                                     std::to_string(kMinorLowest) +
                                     " or newer (Debian: libucx0), or choose another transport"};
}

sdk::Status load(Library& library) {
    library.was_loaded_before = ::dlopen(kUcpFile, RTLD_NOW | RTLD_NOLOAD) != nullptr;
    std::vector<std::unique_ptr<EnvironmentOverride>> overrides;
    for (const auto& [name, value] : kQuietEnvironment) {
        overrides.push_back(std::make_unique<EnvironmentOverride>(name, value));
    }
    // Never closed: UCX has threads and exit handlers.
    void* ucp = ::dlopen(kUcpFile, RTLD_NOW | RTLD_LOCAL);
    if (ucp == nullptr) return not_usable(::dlerror());
    void* ucs = ::dlopen(kUcsFile, RTLD_NOW | RTLD_LOCAL);
    if (ucs == nullptr) return not_usable(::dlerror());

    Symbols symbols{ucp, ucs};
    find_context_functions(symbols, library);
    find_worker_functions(symbols, library);
    if (!symbols.missing().empty()) return not_usable("it lacks " + symbols.missing());

    unsigned major = 0;
    unsigned release = 0;
    library.ucp_get_version(&major, &library.version_minor, &release);
    if (major != kMajor || library.version_minor < kMinorLowest) {
        return not_usable(std::string{"found version "} + library.ucp_get_version_string());
    }
    take_over_log(library);
    return {};
}

}  // namespace

sdk::Result<const Library*> load_library() {
    static std::mutex loading;
    // Leaked: UCX logs until the last exit handler has run.
    static Library* library = nullptr;
    const std::lock_guard lock{loading};
    if (library == nullptr) {
        auto candidate = std::make_unique<Library>();
        if (auto status = load(*candidate); !status) return std::move(status).error();
        library = candidate.release();
    }
    return static_cast<const Library*>(library);
}

}  // namespace godwit::transport_ucx
