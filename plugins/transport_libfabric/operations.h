// The gets of a rail that are in flight.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "fabric_handles.h"
#include "godwit/sdk/transport.h"

namespace godwit::transport_libfabric {

class Connection;

struct Operation {
    fi_context2 context{};       // The provider's, for as long as the operation is in flight.
    Connection* peer = nullptr;  // Null: free.
    sdk::Cookie cookie = 0;
    std::size_t length = 0;
};

// A fixed number of them, allocated once: their addresses are what the fabric hands back.
// Owned by the rail's thread.
class Operations {
public:
    explicit Operations(std::size_t count);

    // Null: all are in flight.
    Operation* take(Connection& peer, sdk::Cookie cookie, std::size_t length);
    void release(Operation& operation);

    // The operation in flight that was posted with `context`; null when there is none, whatever the
    // provider says.
    Operation* find(const void* context);
    void for_each_of(const Connection& peer, const std::function<void(Operation&)>& body);

private:
    std::vector<Operation> all_;
    std::vector<Operation*> free_;
};

}  // namespace godwit::transport_libfabric
