// UCX, loaded when the first transport is made rather than with the plugin.
//
// libucs runs a constructor as it is loaded: it replaces the host's handlers of SIGSEGV, SIGILL,
// SIGBUS, SIGFPE and SIGHUP, sets an alternate signal stack, and prepares to patch mmap and malloc.
// Only the environment of that moment can stop it. So the plugin is not linked with UCX: it sets
// the environment, loads the library, and restores the environment.
#pragma once

#include <ucp/api/ucp.h>
#include <ucs/debug/log_def.h>

#include <mutex>

#include "godwit/sdk/result.h"

namespace godwit::transport_ucx {

// UCX's functions by their own names, without the prefix.
//
// Immutable once loaded, and loaded for the life of the process. Thread-safe.
struct Library {
    decltype(&::ucp_get_version) ucp_get_version = nullptr;
    decltype(&::ucp_get_version_string) ucp_get_version_string = nullptr;
    decltype(&::ucp_config_read) ucp_config_read = nullptr;
    decltype(&::ucp_config_modify) ucp_config_modify = nullptr;
    decltype(&::ucp_config_release) ucp_config_release = nullptr;
    decltype(&::ucp_init_version) ucp_init_version = nullptr;
    decltype(&::ucp_cleanup) ucp_cleanup = nullptr;
    decltype(&::ucp_mem_map) ucp_mem_map = nullptr;
    decltype(&::ucp_mem_unmap) ucp_mem_unmap = nullptr;
    decltype(&::ucp_worker_create) ucp_worker_create = nullptr;
    decltype(&::ucp_worker_destroy) ucp_worker_destroy = nullptr;
    decltype(&::ucp_worker_get_efd) ucp_worker_get_efd = nullptr;
    decltype(&::ucp_worker_arm) ucp_worker_arm = nullptr;
    decltype(&::ucp_worker_progress) ucp_worker_progress = nullptr;
    decltype(&::ucp_worker_set_am_recv_handler) ucp_worker_set_am_recv_handler = nullptr;
    decltype(&::ucp_listener_create) ucp_listener_create = nullptr;
    decltype(&::ucp_listener_destroy) ucp_listener_destroy = nullptr;
    decltype(&::ucp_listener_query) ucp_listener_query = nullptr;
    decltype(&::ucp_listener_reject) ucp_listener_reject = nullptr;
    decltype(&::ucp_ep_create) ucp_ep_create = nullptr;
    decltype(&::ucp_ep_close_nbx) ucp_ep_close_nbx = nullptr;
    decltype(&::ucp_am_send_nbx) ucp_am_send_nbx = nullptr;
    decltype(&::ucp_am_recv_data_nbx) ucp_am_recv_data_nbx = nullptr;
    decltype(&::ucp_request_free) ucp_request_free = nullptr;
    decltype(&::ucs_status_string) ucs_status_string = nullptr;
    decltype(&::ucs_log_push_handler) ucs_log_push_handler = nullptr;

    // UCX was in the process before us, and its signal handlers and hooks may be, too.
    bool was_loaded_before = false;
    unsigned version_minor = 0;

    // Held while a context is opened: that initialises parts of UCX that all contexts share.
    mutable std::mutex opening;
};

// Loads UCX at the first call. Sets and restores environment variables meanwhile, so it belongs to
// start-up. NotFound: no libucp that can be used; the message says what to install.
sdk::Result<const Library*> load_library();

}  // namespace godwit::transport_ucx
