// The names of a directory, sorted, in little more memory than their bytes take.
#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace godwit::files {

// Names in byte order, kept as C strings in blocks of many: a million names of 20 bytes take 29 MB,
// where a std::string each takes 63. Views into it live as long as the list, also when it is moved,
// and a NUL follows each. Names have none in them. Thread-compatible.
class NameList {
public:
    class Iterator;
    using value_type = std::string_view;
    using size_type = std::size_t;
    using const_iterator = Iterator;
    using iterator = Iterator;

    NameList() = default;
    NameList(NameList&&) noexcept = default;
    NameList& operator=(NameList&&) noexcept = default;

    // Behind the others; sort() when all are in.
    void add(std::string_view name);
    void sort();

    std::size_t size() const noexcept { return names_.size(); }
    bool empty() const noexcept { return names_.empty(); }
    std::string_view operator[](std::size_t index) const noexcept { return names_[index]; }
    // The index of the first name that comes after this one, size() when none does. Sorted lists
    // only.
    std::size_t upper_bound(const std::string& name) const noexcept;

    Iterator begin() const noexcept;
    Iterator end() const noexcept;

private:
    // Room for so many bytes; `free_` is behind them.
    char* take(std::size_t bytes);

    std::vector<std::unique_ptr<char[]>> blocks_;
    char* free_ = nullptr;
    std::size_t left_ = 0;  // Bytes of the last block.
    std::vector<const char*> names_;
};

// Goes forward over the views of names.
class NameList::Iterator {
public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = std::string_view;

    Iterator() = default;
    explicit Iterator(const char* const* at) noexcept : at_{at} {}

    std::string_view operator*() const noexcept { return *at_; }
    Iterator& operator++() noexcept {
        ++at_;
        return *this;
    }
    Iterator operator++(int) noexcept { return Iterator{at_++}; }
    bool operator==(const Iterator&) const = default;

private:
    const char* const* at_ = nullptr;
};

inline NameList::Iterator NameList::begin() const noexcept {
    return Iterator{names_.data()};
}

inline NameList::Iterator NameList::end() const noexcept {
    return Iterator{names_.data() + names_.size()};
}

}  // namespace godwit::files
