// UCX's objects, each closed by its owner's end. Declare parents first.
#pragma once

#include <memory>
#include <type_traits>

#include "library.h"

namespace godwit::transport_ucx {

struct ConfigReleaser {
    const Library* ucx = nullptr;
    void operator()(ucp_config_t* config) const noexcept { ucx->ucp_config_release(config); }
};
using ConfigPtr = std::unique_ptr<ucp_config_t, ConfigReleaser>;

struct ContextCleaner {
    const Library* ucx = nullptr;
    void operator()(ucp_context_h context) const noexcept { ucx->ucp_cleanup(context); }
};
using ContextPtr = std::unique_ptr<std::remove_pointer_t<ucp_context_h>, ContextCleaner>;

struct WorkerDestroyer {
    const Library* ucx = nullptr;
    void operator()(ucp_worker_h worker) const noexcept { ucx->ucp_worker_destroy(worker); }
};
using WorkerPtr = std::unique_ptr<std::remove_pointer_t<ucp_worker_h>, WorkerDestroyer>;

struct ListenerDestroyer {
    const Library* ucx = nullptr;
    void operator()(ucp_listener_h listener) const noexcept { ucx->ucp_listener_destroy(listener); }
};
using ListenerPtr = std::unique_ptr<std::remove_pointer_t<ucp_listener_h>, ListenerDestroyer>;

struct MemoryUnmapper {
    const Library* ucx = nullptr;
    ucp_context_h context = nullptr;
    void operator()(ucp_mem_h memory) const noexcept { ucx->ucp_mem_unmap(context, memory); }
};
using MemoryPtr = std::unique_ptr<std::remove_pointer_t<ucp_mem_h>, MemoryUnmapper>;

}  // namespace godwit::transport_ucx
