// A client for the master's REST interface: one kept-alive connection, deadlines, no surprises.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "http/message.h"

namespace godwit::http {

struct ClientSettings {
    std::string url = "http://127.0.0.1:8888";  // http only, for now; a path prefix is kept.
    base::Secret token;                         // Sent as a bearer token when not empty.
    base::Millis connect_timeout{5'000};
    base::Millis answer_timeout{30'000};  // Beyond what the call waits for on purpose.
    std::size_t answer_bytes_max = 64 << 20;
};

struct Answer {
    int status = 0;
    Headers headers;
    std::string body;

    bool ok() const noexcept { return status >= 200 && status < 300; }
};

// Thread-compatible, but for interrupt().
class Client {
public:
    // InvalidArgument: not an http URL.
    static Result<Client> open(ClientSettings settings);
    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;
    ~Client();

    // One request, one answer of any status. `patience` is added to answer_timeout (long polls).
    // Unavailable: it did not reach the master (nobody listens, no route); UnknownOutcome: it was
    // sent, and no whole answer came. A kept-alive connection that the master had closed meanwhile
    // is opened anew and the request sent once more, when not a byte of an answer was read.
    Result<Answer> send(std::string_view method, std::string_view target,
                        std::string_view body = {}, base::Millis patience = base::Millis{0});

    // From any thread: the send() under way, and every later one, ends with Cancelled.
    void interrupt() noexcept;

private:
    class Connection;
    explicit Client(std::unique_ptr<Connection> connection) noexcept;
    std::unique_ptr<Connection> connection_;
};

// For a path segment or query value: everything but unreserved characters as %XX.
std::string percent_encode(std::string_view text);

}  // namespace godwit::http
