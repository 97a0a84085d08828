#include "listener.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "godwit/sdk/state_store_checks.h"
#include "session.h"

namespace godwit::store_redis {
namespace {

using sdk::Code;
using sdk::Error;
using sdk::Millis;

constexpr Millis kBackoffMin{50};
constexpr Millis kBackoffMax{2'000};
// The destructor may have to wait for these.
constexpr Millis kConnectPatience{300};
constexpr Millis kAnswerPatience{200};

}  // namespace

std::string hint_channel(const Settings& settings) {
    return settings.prefix + "hints";
}

sdk::Result<std::unique_ptr<Listener>> Listener::start(const Settings& settings,
                                                       sdk::Logger& logger, sdk::Watcher watcher) {
    const int wake_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd < 0) {
        return Error{Code::Internal, "subscribe: no descriptor to wake the listener by", errno};
    }
    return std::unique_ptr<Listener>{new Listener{settings, logger, std::move(watcher), wake_fd}};
}

Listener::Listener(const Settings& settings, sdk::Logger& logger, sdk::Watcher watcher, int wake_fd)
    : settings_{settings},
      logger_{logger},
      watcher_{std::move(watcher)},
      wake_fd_{wake_fd},
      thread_{[this](const std::stop_token& stop) { run(stop); }} {
    ::pthread_setname_np(thread_.native_handle(), "store-hints");
}

Listener::~Listener() {
    thread_.request_stop();
    const std::uint64_t one = 1;
    // Cannot fail: the counter is far from full.
    if (::write(wake_fd_, &one, sizeof(one)) < 0) assert(false);
    thread_.join();
    ::close(wake_fd_);
}

void Listener::run(const std::stop_token& stop) {
    Millis backoff = kBackoffMin;
    while (!stop.stop_requested()) {
        heard_ = false;
        const sdk::Status status = listen(stop);
        if (stop.stop_requested()) return;
        if (heard_) backoff = kBackoffMin;
        // Said once per outage: the operations that fail say the rest.
        if (!status && backoff == kBackoffMin) {
            logger_.log(sdk::LogLevel::Warning, "no hints until redis is back",
                        {{"error", status.error().message}});
        }
        pollfd wake{.fd = wake_fd_, .events = POLLIN, .revents = 0};
        ::poll(&wake, 1, static_cast<int>(backoff.count()));
        backoff = std::min(backoff * 2, kBackoffMax);
    }
}

// Until the connection fails, or the thread shall end.
sdk::Status Listener::listen(const std::stop_token& stop) {
    auto opened =
        Connection::open(settings_.target, std::min(settings_.connect_timeout, kConnectPatience),
                         std::min(settings_.command_timeout, kAnswerPatience));
    if (!opened) return std::move(opened).error();
    Connection& connection = **opened;
    if (auto status = introduce(connection, settings_.target); !status) return status;
    const std::string channel = hint_channel(settings_);
    const std::array<std::string_view, 2> subscribe{"SUBSCRIBE", channel};
    auto reply = connection.call(subscribe);
    if (!reply) return std::move(reply).error();
    if (reply->kind == Reply::Kind::Error) return error_of(*reply, "subscribe to hints");
    heard_ = true;

    while (!stop.stop_requested()) {
        std::array<pollfd, 2> watched{pollfd{.fd = connection.fd(), .events = POLLIN, .revents = 0},
                                      pollfd{.fd = wake_fd_, .events = POLLIN, .revents = 0}};
        if (::poll(watched.data(), watched.size(), -1) < 0 || watched[0].revents == 0) continue;
        auto messages = connection.receive_some();
        if (!messages) return std::move(messages).error();
        if (!stop.stop_requested()) deliver(*messages);
    }
    return {};
}

void Listener::deliver(const std::vector<Reply>& messages) {
    for (const Reply& message : messages) {
        if (message.items.size() != 3 || message.items[0].text != "message") continue;
        const std::string& id = message.items[2].text;
        // Anybody may publish there.
        if (sdk::check_id("request", id)) watcher_(id);
    }
}

}  // namespace godwit::store_redis
