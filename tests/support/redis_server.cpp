#include "support/redis_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>

namespace godwit::test_support {
namespace {

constexpr const char* kBinary = "/usr/bin/redis-server";
constexpr std::chrono::seconds kStartPatience{20};
constexpr int kPortAttempts = 5;  // Somebody else may take a free port before the server does.

[[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error{what + ": " + std::strerror(errno)};
}

class Socket {
public:
    Socket() : fd_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        if (fd_ < 0) fail("open a socket");
    }
    ~Socket() { ::close(fd_); }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    int fd() const noexcept { return fd_; }

private:
    int fd_;
};

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
}

// A server that wants a password or still loads its data answers, too, but with an error.
bool answers(int port) {
    const Socket socket;
    const timeval patience{.tv_sec = 1, .tv_usec = 0};
    ::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    const sockaddr_in address = loopback(port);
    if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
        return false;
    }
    constexpr std::string_view ping = "PING\r\n";
    if (::send(socket.fd(), ping.data(), ping.size(), MSG_NOSIGNAL) < 0) return false;
    char text[64];
    const ssize_t got = ::recv(socket.fd(), text, sizeof(text), 0);
    if (got <= 0) return false;
    const std::string_view answer{text, static_cast<std::size_t>(got)};
    return answer.starts_with("+PONG") || answer.starts_with("-NOAUTH");
}

}  // namespace

int free_port() {
    const Socket socket;
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket.fd(), generic, size) != 0) fail("bind to a free port");
    if (::getsockname(socket.fd(), generic, &size) != 0) fail("read the free port");
    return ntohs(address.sin_port);
}

RedisServer::RedisServer(Settings settings) : settings_{std::move(settings)} {
    char folder[] = "/tmp/godwit-redis-XXXXXX";
    if (::mkdtemp(folder) == nullptr) fail("make a folder for redis");
    folder_ = folder;
    for (int attempt = 0; attempt < kPortAttempts; ++attempt) {
        port_ = free_port();
        if (launch()) return;
    }
    std::filesystem::remove_all(folder_);
    throw std::runtime_error{std::string{"start "} + kBinary + ": it does not answer"};
}

RedisServer::~RedisServer() {
    kill();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

std::string RedisServer::url(int db) const {
    return "redis://127.0.0.1:" + std::to_string(port_) + "/" + std::to_string(db);
}

void RedisServer::start() {
    if (!launch()) throw std::runtime_error{"restart redis on port " + std::to_string(port_)};
}

bool RedisServer::launch() {
    std::vector<std::string> words{kBinary, "--port", std::to_string(port_), "--bind", "127.0.0.1",
                                   "--unixsocket", socket_path(), "--dir", folder_, "--save", "",
                                   "--appendonly", settings_.append_only ? "yes" : "no",
                                   // Not "everysec": while a flush is under way on a busy disk,
                                   // that keeps back for two seconds what it has acknowledged.
                                   "--appendfsync", "no", "--daemonize", "no"};
    words.insert(words.end(), settings_.arguments.begin(), settings_.arguments.end());
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const std::string log = folder_ + "/log";

    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) fail("fork");
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(1);  // It died before the line above.
        const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        ::dup2(out, STDOUT_FILENO);
        ::dup2(out, STDERR_FILENO);
        ::execv(kBinary, arguments.data());
        ::_exit(127);
    }
    if (wait_until_it_answers()) return true;
    kill();
    return false;
}

bool RedisServer::wait_until_it_answers() {
    const auto deadline = std::chrono::steady_clock::now() + kStartPatience;
    while (std::chrono::steady_clock::now() < deadline) {
        if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
            pid_ = -1;
            return false;
        }
        // If it answers, but is not ours, ours has failed to bind and is about to exit.
        if (answers(port_) && ::access(socket_path().c_str(), F_OK) == 0) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    return false;
}

void RedisServer::kill() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    ::unlink(socket_path().c_str());
}

void RedisServer::pause() {
    if (pid_ > 0) ::kill(pid_, SIGSTOP);
}

void RedisServer::resume() {
    if (pid_ > 0) ::kill(pid_, SIGCONT);
}

}  // namespace godwit::test_support
