// Staging memory: one block, cut into equal buffers, registered with every rail once at the start.
//
// There is one pool for sending and one for receiving. With a single pool two agents that send to
// each other could both fill it with outgoing bytes, and then wait for each other for ever.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace godwit::transfer {

class BufferPool;

// A buffer on loan; goes back when destroyed. Thread-compatible. The pool outlives it.
class Buffer {
public:
    Buffer() noexcept = default;
    Buffer(Buffer&& other) noexcept;
    Buffer& operator=(Buffer&& other) noexcept;
    ~Buffer();

    explicit operator bool() const noexcept { return pool_ != nullptr; }
    std::span<std::byte> bytes() const noexcept;
    std::size_t offset() const noexcept;  // In the pool's memory, for windows and gets.

private:
    friend class BufferPool;
    Buffer(BufferPool* pool, std::size_t index) noexcept : pool_{pool}, index_{index} {}

    BufferPool* pool_ = nullptr;
    std::size_t index_ = 0;
};

// Thread-safe. Hands out buffers in no particular order.
class BufferPool {
public:
    // NoMemory when the machine does not have it.
    static Result<std::unique_ptr<BufferPool>> make(std::size_t buffers, std::size_t buffer_bytes);
    ~BufferPool();

    std::span<std::byte> memory() const noexcept { return memory_; }
    std::size_t buffer_bytes() const noexcept { return buffer_bytes_; }
    std::size_t count() const noexcept { return memory_.size() / buffer_bytes_; }

    // Waits for a buffer. Empty: `stop` was requested, or `deadline` passed.
    Buffer acquire(std::stop_token stop, base::Deadline deadline = base::Deadline::max());
    Buffer try_acquire();

private:
    friend class Buffer;
    BufferPool(std::span<std::byte> memory, std::size_t buffer_bytes);
    void give_back(std::size_t index) noexcept;

    const std::span<std::byte> memory_;
    const std::size_t buffer_bytes_;
    std::mutex mutex_;
    std::condition_variable_any given_back_;
    std::vector<std::size_t> free_;  // guarded by mutex_
};

}  // namespace godwit::transfer
