// A server with a few routes whose handlers do what tests need.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>

#include "http/server.h"
#include "raw_client.h"

namespace godwit::http {

// A door that handlers wait at. Thread-safe.
class Door {
public:
    ~Door() { open(); }

    void open() {
        const std::lock_guard lock{mutex_};
        open_ = true;
        changed_.notify_all();
    }
    void pass() {
        std::unique_lock lock{mutex_};
        ++waiting_;
        changed_.notify_all();
        changed_.wait(lock, [&] { return open_; });
        --waiting_;
    }
    // False: patience has ended before.
    bool wait_until_waiting(int handlers) {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, kPatience, [&] { return waiting_ >= handlers; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int waiting_ = 0;
    bool open_ = false;
};

class ServerTest : public testing::Test {
protected:
    ServerTest() {
        settings_.workers = 2;
        add("GET", "/ping", [](const Request&, bool) { return json_response(200, "\"pong\""); });
        add(
            "GET", "/secret", [](const Request&, bool) { return json_response(200, "1"); },
            Role::Operator);
        add("POST", "/echo",
            [](const Request& request, bool) { return json_response(200, request.body); });
        add(
            "POST", "/small",
            [](const Request& request, bool) { return json_response(200, request.body); },
            Role::Open, 16);
        router_.add({.method = "POST",
                     .pattern = "/poke",
                     .role = Role::Open,
                     .handler = counted([](const Request& request, bool) {
                         return json_response(200, std::to_string(request.body.size()));
                     }),
                     .body_optional = true});
        add("GET", "/door", [this](const Request&, bool) {
            door_.pass();
            return json_response(200, "\"through\"");
        });
        add("GET", "/throw",
            [](const Request&, bool) -> Reply { throw std::runtime_error{"a handler's bug"}; });
        add("GET", "/throw-odd", [](const Request&, bool) -> Reply { throw 7; });
        // Answers once `news_` is beyond what the client has seen.
        add("GET", "/news/{seen}", [this](const Request& request, bool last) -> Reply {
            const int news = news_.load();
            if (news > std::atoi(request.parameter("seen").c_str()) || last) {
                return json_response(200, last ? "\"last\"" : std::to_string(news));
            }
            return Park{request.received_at + park_for_};
        });
        add("GET", "/always-park", [](const Request& request, bool) -> Reply {
            return Park{request.received_at + base::Millis{50}};
        });
        add("GET", "/large/{mebibytes}", [](const Request& request, bool) {
            const auto mebibytes = std::stoul(request.parameter("mebibytes"));
            return json_response(200, std::string(mebibytes << 20, 'x'));
        });
    }
    ~ServerTest() override { door_.open(); }

    void add(std::string method, std::string pattern, Handler handler, Role role = Role::Open,
             std::size_t body_bytes_max = kBodyBytesMax) {
        router_.add({.method = std::move(method),
                     .pattern = std::move(pattern),
                     .role = role,
                     .body_bytes_max = body_bytes_max,
                     .handler = counted(std::move(handler))});
    }
    Handler counted(Handler handler) {
        return [this, handler = std::move(handler)](const Request& request, bool last) {
            ++handler_runs_;
            return handler(request, last);
        };
    }

    void start() {
        server_ = std::make_unique<Server>(settings_, std::move(router_), access_, metrics_);
        const Status started = server_->start();
        ASSERT_TRUE(started) << started.error().message;
    }
    RawClient connect() const {
        RawClient client{server_->port()};
        EXPECT_TRUE(client.is_connected());
        return client;
    }
    // The one answer to one request on a connection of its own.
    int status_of(std::string_view request) const {
        RawClient client = connect();
        client.send(request);
        return client.status();
    }

    // The value of a metric that has no labels, or -1.
    double metric(const std::string& name) const {
        const std::string text = "\n" + metrics_.text();
        const std::size_t at = text.find("\n" + name + ' ');
        return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
    }
    bool eventually_parked(double count) const {
        return eventually([&] { return metric("godwit_http_parked_requests") == count; });
    }
    bool eventually_connected(double count) const {
        return eventually([&] { return metric("godwit_http_connections") == count; });
    }

    ServerSettings settings_;
    Router router_;
    AccessList access_;
    base::Metrics metrics_;
    Door door_;
    std::atomic<int> news_{0};
    std::atomic<int> handler_runs_{0};
    base::Millis park_for_{20'000};
    std::unique_ptr<Server> server_;  // Last: stops before what its handlers use goes.
};

}  // namespace godwit::http
