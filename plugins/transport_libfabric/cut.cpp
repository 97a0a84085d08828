#include "cut.h"

#include <sys/socket.h>

#include <fstream>
#include <string>
#include <vector>

namespace godwit::transport_libfabric {
namespace {

constexpr int kDepthMax = 4;  // The queue's, rxm's and the TCP provider's, and one to spare.

std::vector<int> watched_by(int epoll_fd) {
    std::vector<int> watched;
    std::ifstream lines{"/proc/self/fdinfo/" + std::to_string(epoll_fd)};
    for (std::string line; std::getline(lines, line);) {
        constexpr std::string_view kPrefix = "tfd:";
        if (line.starts_with(kPrefix)) watched.push_back(std::stoi(line.substr(kPrefix.size())));
    }
    return watched;
}

bool is_connected(int fd) {
    ::sockaddr_storage peer{};
    ::socklen_t size = sizeof peer;
    return ::getpeername(fd, reinterpret_cast<::sockaddr*>(&peer), &size) == 0 &&
           (peer.ss_family == AF_INET || peer.ss_family == AF_INET6);
}

void cut(int epoll_fd, int depth) {
    if (depth == 0) return;
    for (const int fd : watched_by(epoll_fd)) {
        if (is_connected(fd)) {
            ::shutdown(fd, SHUT_RDWR);
        } else {
            cut(fd, depth - 1);
        }
    }
}

}  // namespace

void cut_connections(int wait_fd) {
    cut(wait_fd, kDepthMax);
}

}  // namespace godwit::transport_libfabric
