#include "common/daemon.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace godwit::apps {
namespace {

// What the child says: the exit code for the parent, then text for standard error.
[[noreturn]] void wait_for_child(int fd) {
    std::string said;
    std::array<char, 4096> buffer{};
    for (;;) {
        const ssize_t count = ::read(fd, buffer.data(), buffer.size());
        if (count > 0) {
            said.append(buffer.data(), static_cast<std::size_t>(count));
        } else if (count == 0 || errno != EINTR) {
            break;
        }
    }
    if (said.empty()) {
        std::fputs("the service ended before it was ready\n", stderr);
        std::_Exit(1);
    }
    std::fputs(said.c_str() + 1, stderr);
    std::_Exit(static_cast<unsigned char>(said.front()));
}

// The protocol of sd_notify(3): a datagram to the socket that systemd names. Without one: nothing.
void notify_systemd(const std::string& message) {
    const char* path = std::getenv("NOTIFY_SOCKET");
    sockaddr_un address{};
    if (path == nullptr || std::strlen(path) >= sizeof(address.sun_path)) return;
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path);
    if (address.sun_path[0] == '@') address.sun_path[0] = '\0';  // The abstract name space.
    const base::UniqueFd socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
    [[maybe_unused]] const ssize_t sent =
        ::sendto(socket.get(), message.data(), message.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&address), length);
}

void silence_streams() {
    const base::UniqueFd null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
    if (!null) return;
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        ::dup2(null.get(), stream);
}

}  // namespace

Status Daemon::detach() {
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return base::errno_error("create a pipe");
    base::UniqueFd read_end{pipe[0]};
    base::UniqueFd write_end{pipe[1]};
    const pid_t child = ::fork();
    if (child < 0) return base::errno_error("fork");
    if (child > 0) {
        write_end.reset();
        wait_for_child(read_end.get());
    }
    ::setsid();
    // The umask stays as it is: what an agent makes has the same modes as in the foreground.
    if (::chdir("/") != 0) return base::errno_error("change to '/'");
    parent_ = std::move(write_end);
    return {};
}

void Daemon::ready(const std::string& status) {
    notify_systemd("READY=1\nSTATUS=" + status + "\nMAINPID=" + std::to_string(::getpid()));
    if (!parent_) return;
    const char good = 0;
    [[maybe_unused]] const ssize_t written = ::write(parent_.get(), &good, 1);
    parent_.reset();
    silence_streams();
}

bool Daemon::failed(int exit_code, const std::string& message) {
    if (!parent_) return false;
    const std::string said = static_cast<char>(exit_code) + message + "\n";
    const ssize_t written = ::write(parent_.get(), said.data(), said.size());
    parent_.reset();
    return written == static_cast<ssize_t>(said.size());
}

void Daemon::stopping() {
    notify_systemd("STOPPING=1");
}

Status Daemon::lock_pid_file(const std::string& path) {
    base::UniqueFd file{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)};
    if (!file) return base::errno_error("open pid file '" + path + "'");
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        return Error{Code::Conflict, "pid file '" + path +
                                         "' is held by a running process: is it started already?"};
    }
    const std::string pid = std::to_string(::getpid()) + "\n";
    const bool written =
        ::ftruncate(file.get(), 0) == 0 &&
        ::write(file.get(), pid.data(), pid.size()) == static_cast<ssize_t>(pid.size());
    if (!written) return base::errno_error("write pid file '" + path + "'");
    pid_file_ = std::move(file);
    pid_path_ = path;
    return {};
}

void Daemon::remove_pid_file() {
    if (!pid_file_) return;
    ::unlink(pid_path_.c_str());
    pid_file_.reset();
}

}  // namespace godwit::apps
