// Text that no log line, error or printed configuration may show.
#pragma once

#include <string>
#include <utility>

namespace godwit::base {

// Thread-compatible. Has no stream operator and no conversion: whoever wants the text says
// reveal().
class Secret {
public:
    Secret() = default;
    explicit Secret(std::string text) : text_{std::move(text)} {}

    bool empty() const noexcept { return text_.empty(); }
    const std::string& reveal() const noexcept { return text_; }
    // What may be shown in its place.
    const char* redacted() const noexcept { return text_.empty() ? "" : "***"; }

private:
    std::string text_;
};

}  // namespace godwit::base
