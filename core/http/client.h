// A client for the master's REST interface: one kept-alive connection, deadlines, no surprises.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "http/message.h"

namespace godwit::http {

struct ClientSettings {
    std::string url = "http://127.0.0.1:8888";  // http only, for now; a path prefix is kept.
    base::Secret token{};                       // Sent as a bearer token when not empty.
    base::Millis connect_timeout{5'000};        // Looking the host up included.
    base::Millis answer_timeout{30'000};        // Beyond what the call waits for on purpose.
    std::size_t answer_bytes_max = 64 << 20;
};

struct Answer {
    int status = 0;
    Headers headers;
    std::string body;

    bool ok() const noexcept { return status >= 200 && status < 300; }
    // Case-insensitive; nothing when absent.
    std::optional<std::string_view> header(std::string_view name) const noexcept;
};

// Thread-compatible, but for interrupt(). A moved-from client can only be destroyed or assigned to.
class Client {
public:
    // InvalidArgument: not an http URL, or a token that no header can carry. Connects to nobody
    // yet.
    static Result<Client> open(ClientSettings settings);
    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;
    ~Client();

    // One request, one answer of any status. `target` is a path with perhaps a query, encoded.
    // `patience` is added to answer_timeout (long polls). A body goes as JSON unless `headers` say
    // otherwise.
    //
    // Unavailable: the master did not get the whole request (nobody listens, no route).
    // UnknownOutcome: it was sent, and no whole answer came in time, or none that makes sense.
    // InvalidArgument: method, target or headers cannot be sent. A kept-alive connection that the
    // master had closed meanwhile is opened anew and the request sent once more, when not a byte of
    // an answer was read.
    Result<Answer> send(std::string_view method, std::string_view target,
                        std::string_view body = {}, base::Millis patience = base::Millis{0},
                        const Headers& headers = {});

    // From any thread: the send() under way, and every later one, ends with Cancelled.
    void interrupt() noexcept;

private:
    class Connection;
    explicit Client(std::unique_ptr<Connection> connection) noexcept;
    std::unique_ptr<Connection> connection_;
};

// For a path segment or query value: everything but unreserved characters as %XX. Pure.
std::string percent_encode(std::string_view text);

}  // namespace godwit::http
