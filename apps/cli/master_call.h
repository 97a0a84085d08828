// Calls of the CLI to the master, and reading its answers.
#pragma once

#include <Poco/JSON/Object.h>

#include <optional>
#include <string>
#include <string_view>

#include "cli/command_line.h"
#include "http/client.h"

namespace godwit::cli {

// A failed call, as the user is told of it.
struct CallFailure {
    int exit_code = 1;
    std::string message;
};

// Tells the user of it; the exit code.
int fail(const CallFailure& failure);

class MasterCall {
public:
    explicit MasterCall(const CommandLine& line) : line_{line} {}

    // The body of an answer in the 200s; nothing, with failure() set, for all else.
    std::optional<std::string> send(std::string_view method, const std::string& target,
                                    std::string_view body = {}, const http::Headers& headers = {});
    const CallFailure& failure() const noexcept { return failure_; }
    // Where the list goes on that the last answer began; empty: it was all.
    const std::string& next_page() const noexcept { return next_page_; }

private:
    const CommandLine& line_;
    std::optional<http::Client> client_;
    CallFailure failure_;
    std::string next_page_;
};

using Object = Poco::JSON::Object::Ptr;

// The object in the text; null when it is none.
Object object_in(const std::string& text);
std::string text_of(const Object& object, const std::string& key);
std::int64_t number_of(const Object& object, const std::string& key);
// Nothing for null.
std::optional<std::int64_t> maybe_number_of(const Object& object, const std::string& key);
Object object_of(const Object& object, const std::string& key);

}  // namespace godwit::cli
