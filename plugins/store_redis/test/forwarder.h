// A TCP forwarder in front of a server, which can lose an answer: the request is delivered, the
// server works on it and answers, and the client only sees its connection end.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace godwit::store_redis {

// Thread-safe. Runs until it is destroyed.
class Forwarder {
public:
    explicit Forwarder(int server_port);
    ~Forwarder();
    Forwarder(const Forwarder&) = delete;
    Forwarder& operator=(const Forwarder&) = delete;

    std::string url() const;
    // Lets `passing` answers through, then loses one.
    void lose_answer(int passing = 0) { countdown_ = passing + 1; }
    int lost() const noexcept { return lost_; }

private:
    struct Link;

    void run(const std::stop_token& stop);
    void accept_one();
    bool forward(Link& link);
    bool return_answer(Link& link);

    const int server_port_;
    int listener_ = -1;
    int port_ = 0;
    std::atomic<int> countdown_{0};  // 0: nothing is to be lost.
    std::atomic<int> lost_{0};
    std::vector<std::unique_ptr<Link>> links_;
    std::jthread thread_;
};

}  // namespace godwit::store_redis
