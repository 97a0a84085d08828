#include "http/server.h"

#include "http/loop.h"

namespace godwit::http {

Server::Server(ServerSettings settings, Router router, AccessList access, base::Metrics& metrics)
    : loop_{std::make_unique<Loop>(std::move(settings), std::move(router), std::move(access),
                                   metrics)} {}

Server::~Server() = default;

Status Server::start() {
    return loop_->start();
}
std::uint16_t Server::port() const noexcept {
    return loop_->port();
}
void Server::wake_parked() noexcept {
    loop_->wake_parked();
}
void Server::stop(base::Millis grace) noexcept {
    loop_->stop(grace);
}

}  // namespace godwit::http
