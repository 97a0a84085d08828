#include "transfer/buffers.h"

#include <sys/mman.h>

#include <utility>

namespace godwit::transfer {

Buffer::Buffer(Buffer&& other) noexcept
    : pool_{std::exchange(other.pool_, nullptr)}, index_{other.index_} {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
    if (this != &other) {
        if (pool_ != nullptr) pool_->give_back(index_);
        pool_ = std::exchange(other.pool_, nullptr);
        index_ = other.index_;
    }
    return *this;
}

Buffer::~Buffer() {
    if (pool_ != nullptr) pool_->give_back(index_);
}

std::span<std::byte> Buffer::bytes() const noexcept {
    return pool_->memory_.subspan(offset(), pool_->buffer_bytes_);
}

std::size_t Buffer::offset() const noexcept {
    return index_ * pool_->buffer_bytes_;
}

Result<std::unique_ptr<BufferPool>> BufferPool::make(std::size_t buffers,
                                                     std::size_t buffer_bytes) {
    const std::size_t bytes = buffers * buffer_bytes;
    void* memory =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return base::errno_error("allocate " + std::to_string(bytes) + " bytes of staging memory");
    }
    ::madvise(memory, bytes, MADV_HUGEPAGE);  // Advice: where there are none, small pages will do.
    return std::unique_ptr<BufferPool>{
        new BufferPool{{static_cast<std::byte*>(memory), bytes}, buffer_bytes}};
}

BufferPool::BufferPool(std::span<std::byte> memory, std::size_t buffer_bytes)
    : memory_{memory}, buffer_bytes_{buffer_bytes} {
    // Taken from the back, so that a quiet agent touches few pages.
    for (std::size_t index = count(); index-- > 0;) free_.push_back(index);
}

BufferPool::~BufferPool() {
    ::munmap(memory_.data(), memory_.size());
}

Buffer BufferPool::acquire(std::stop_token stop, base::Deadline deadline) {
    std::unique_lock lock{mutex_};
    const auto available = [&] { return !free_.empty(); };
    // wait_until() with the greatest time point overflows inside of the library.
    const bool got = deadline == base::Deadline::max()
                         ? given_back_.wait(lock, std::move(stop), available)
                         : given_back_.wait_until(lock, std::move(stop), deadline, available);
    if (!got) return {};
    const std::size_t index = free_.back();
    free_.pop_back();
    return Buffer{this, index};
}

Buffer BufferPool::try_acquire() {
    const std::lock_guard lock{mutex_};
    if (free_.empty()) return {};
    const std::size_t index = free_.back();
    free_.pop_back();
    return Buffer{this, index};
}

void BufferPool::give_back(std::size_t index) noexcept {
    {
        const std::lock_guard lock{mutex_};
        free_.push_back(index);
    }
    given_back_.notify_one();
}

}  // namespace godwit::transfer
