// One UCX context and its worker: a rail's share of UCX, on one NIC.
//
// The worker and what is made of it belong to the rail's thread.
#pragma once

#include <span>
#include <string>

#include "godwit/sdk/host.h"
#include "godwit/sdk/transport.h"
#include "handles.h"
#include "nic.h"
#include "settings.h"
#include "wire.h"

namespace godwit::transport_ucx {

class Worker {
public:
    // Thread-safe. NotFound, InvalidArgument: the message has what UCX said.
    static sdk::Result<Worker> open(const Library& ucx, const Settings& settings, const Nic& nic,
                                    sdk::Logger& logger);

    const Library& ucx() const noexcept { return *ucx_; }
    ucp_worker_h handle() const noexcept { return worker_.get(); }
    int wait_fd() const noexcept { return wait_fd_; }

    // Makes what progress there is, and runs callbacks.
    void progress() noexcept;
    // Whether the descriptor will become readable with the next event. May run callbacks.
    bool arm() noexcept;

    // NoMemory: the message says how much was needed and which limit to raise.
    sdk::Result<MemoryPtr> map(std::span<std::byte> memory) const;

    // Ends every connection. What is left is only good for unmapping memory, which must be done
    // after the connections are gone and before the context is.
    void close() noexcept { worker_.reset(); }

    // Sends messages of this kind to `callback`, with `target` for its argument.
    sdk::Status on_message(MessageKind kind, ucp_am_recv_callback_t callback, void* target);

private:
    Worker(const Library& ucx, ContextPtr context, WorkerPtr worker)
        : ucx_{&ucx}, context_{std::move(context)}, worker_{std::move(worker)} {}

    const Library* ucx_;
    ContextPtr context_;
    WorkerPtr worker_;
    int wait_fd_ = -1;  // The worker's own.
};

}  // namespace godwit::transport_ucx
