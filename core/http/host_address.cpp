#include "http/host_address.h"

#include <Poco/Exception.h>
#include <Poco/Net/DNS.h>
#include <Poco/Net/HostEntry.h>
#include <Poco/Net/IPAddress.h>
#include <Poco/URI.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "base/threads.h"
#include "base/unique_fd.h"
#include "http/text.h"
#include "http/wait.h"

namespace godwit::http {
namespace {

using Poco::Net::IPAddress;
using Poco::Net::SocketAddress;
using Addresses = std::vector<SocketAddress>;

Result<Addresses> look_up(const std::string& host, std::uint16_t port) noexcept {
    try {
        Addresses found;
        const Poco::Net::HostEntry entry = Poco::Net::DNS::hostByName(host);
        for (const IPAddress& address : entry.addresses()) {
            found.emplace_back(address, port);
        }
        if (found.empty()) return Error{Code::Unavailable, "look up '" + host + "': no address"};
        return found;
    } catch (const Poco::Exception& failure) {
        return Error{Code::Unavailable, "look up '" + host + "': " + failure.displayText()};
    }
}

}  // namespace

std::string HttpUrl::authority() const {
    const bool ipv6 = host.find(':') != std::string::npos;
    return (ipv6 ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

Result<HttpUrl> parse_url(const std::string& url) {
    // The URL itself is not quoted: people put passwords into them.
    const Error bad{Code::InvalidArgument, "master URL: expected http://host:port"};
    try {
        const Poco::URI parsed{url};
        const std::string path = parsed.getPathEtc();
        if (parsed.getScheme() == "https") {
            return Error{Code::InvalidArgument, "master URL: https is not supported yet, use http"};
        }
        if (parsed.getScheme() != "http" || parsed.getHost().empty()) return bad;
        if (!parsed.getUserInfo().empty()) {
            return Error{Code::InvalidArgument,
                         "master URL: no user or password in it: the token is set apart"};
        }
        if (!parsed.getRawQuery().empty() || !parsed.getFragment().empty()) return bad;
        for (const char c : parsed.getHost()) {
            if (!is_unreserved(c) && c != ':' && c != '%') return bad;
        }
        for (const char c : path) {
            if (!is_visible_ascii(c)) return bad;
        }
        HttpUrl result{parsed.getHost(), parsed.getPort(), path};
        while (result.prefix.ends_with('/')) result.prefix.pop_back();
        return result;
    } catch (const Poco::Exception&) {
        return bad;
    }
}

struct Resolver::Lookup {
    base::UniqueFd done{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};  // Readable once there is an
    std::mutex mutex;                                               // answer.
    std::optional<Result<Addresses>> answer;                        // guarded by mutex
};

Result<Addresses> Resolver::resolve(const HttpUrl& url, base::Deadline until, int interrupt_fd) {
    IPAddress address;
    if (IPAddress::tryParse(url.host, address)) return Addresses{SocketAddress{address, url.port}};

    if (!lookup_) {
        auto lookup = std::make_shared<Lookup>();
        if (!lookup->done) return base::errno_error("look up '" + url.host + "'");
        try {
            std::thread{[lookup, host = url.host, port = url.port] {
                base::name_this_thread("http-resolver");
                auto answer = look_up(host, port);
                const std::lock_guard lock{lookup->mutex};
                lookup->answer = std::move(answer);
                const std::uint64_t once = 1;
                [[maybe_unused]] const auto bytes = ::write(lookup->done.get(), &once, sizeof once);
            }}.detach();
        } catch (const std::system_error& failure) {
            return Error{Code::Unavailable, "look up '" + url.host + "': " + failure.what()};
        }
        lookup_ = std::move(lookup);
    }
    auto ready = wait_for(lookup_->done.get(), POLLIN, until, interrupt_fd);
    if (!ready && ready.error().code == Code::TimedOut) {
        return Error{Code::Unavailable, "look up '" + url.host + "': no answer in time"};
    }
    if (!ready) return std::move(ready).error();
    const auto lookup = std::move(lookup_);
    const std::lock_guard lock{lookup->mutex};
    return std::move(*lookup->answer);
}

}  // namespace godwit::http
