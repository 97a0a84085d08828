#include "operations.h"

#include <algorithm>

namespace godwit::transport_libfabric {

Operations::Operations(std::size_t count) : all_(count) {
    free_.reserve(count);
    for (Operation& operation : all_) free_.push_back(&operation);
}

Operation* Operations::take(Connection& peer, sdk::Cookie cookie, std::size_t length) {
    if (free_.empty()) return nullptr;
    Operation* operation = free_.back();
    free_.pop_back();
    operation->peer = &peer;
    operation->cookie = cookie;
    operation->length = length;
    return operation;
}

void Operations::release(Operation& operation) {
    operation.peer = nullptr;
    free_.push_back(&operation);
}

Operation* Operations::find(const void* context) {
    const auto found = std::ranges::find_if(all_, [&](const Operation& operation) {
        return &operation.context == context && operation.peer != nullptr;
    });
    return found == all_.end() ? nullptr : &*found;
}

void Operations::for_each_of(const Connection& peer, const std::function<void(Operation&)>& body) {
    for (Operation& operation : all_) {
        if (operation.peer == &peer) body(operation);
    }
}

}  // namespace godwit::transport_libfabric
