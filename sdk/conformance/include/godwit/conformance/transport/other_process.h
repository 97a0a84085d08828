// A rail in a process of its own, for everything that can befall a peer: killed, stopped,
// restarted.
//
// The child is this very test program, executed again: a plain fork would copy the fabric library's
// state, locks and threads of the cases that ran before into a process where they mean nothing
// (verbs memory even breaks). The macro registers a test environment, which runs before the first
// case; in the child it serves instead, and leaves.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <string_view>

#include "godwit/conformance/transport/rail_thread.h"

extern "C" char** environ;

namespace godwit::conformance {

inline constexpr const char* kOtherProcessVariable = "GODWIT_CONFORMANCE_OTHER_PROCESS";
inline constexpr int kOtherProcessSocket = 3;
inline constexpr std::size_t kOtherProcessPacketBytesMax = 4096;

// What the child is told, through its environment and as the first packet.
struct OtherProcessTask {
    std::uint64_t bytes = 0;  // Of memory.
    std::uint64_t seed = 0;   // Of the pattern that a source offers.
    bool reads = false;       // Gets from the parent's rail, in a loop, instead of serving.
};

namespace other_process {

// Each packet is an Offer: the key's size, the key, the address.
inline std::vector<std::byte> to_packet(const Offer& offer) {
    const std::size_t head = 1 + offer.key.bytes.size();
    std::vector<std::byte> packet(head + offer.address.size());
    packet[0] = std::byte{offer.key.size};
    std::ranges::copy(offer.key.bytes, packet.begin() + 1);
    std::ranges::copy(offer.address, packet.begin() + static_cast<std::ptrdiff_t>(head));
    return packet;
}

inline std::optional<Offer> from_packet(sdk::ByteView packet) {
    Offer offer;
    const std::size_t head = 1 + offer.key.bytes.size();
    if (packet.size() <= head) return std::nullopt;
    offer.key.size = std::to_integer<std::uint8_t>(packet[0]);
    std::copy_n(packet.begin() + 1, offer.key.bytes.size(), offer.key.bytes.begin());
    offer.address.assign(packet.begin() + head, packet.end());
    return offer;
}

inline bool send_offer(int socket, const Offer& offer) {
    const std::vector<std::byte> packet = to_packet(offer);
    return ::send(socket, packet.data(), packet.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(packet.size());
}

// Nothing: the other side is gone, or silent for longer than `patience`.
inline std::optional<Offer> receive_offer(int socket, std::chrono::milliseconds patience) {
    ::pollfd readable{socket, POLLIN, 0};
    if (::poll(&readable, 1, static_cast<int>(patience.count())) != 1) return std::nullopt;
    std::array<std::byte, kOtherProcessPacketBytesMax> packet;
    const ssize_t size = ::recv(socket, packet.data(), packet.size(), 0);
    if (size <= 0) return std::nullopt;
    return from_packet({packet.data(), static_cast<std::size_t>(size)});
}

inline bool parent_is_there(int socket) {
    std::byte ignored{};
    return ::recv(socket, &ignored, 1, MSG_DONTWAIT | MSG_PEEK) != 0;
}

inline void serve(RailDriver& driver, const OtherProcessTask& task) {
    if (!send_offer(kOtherProcessSocket, offer_pattern(driver, task.bytes, task.seed, 1))) return;
    while (parent_is_there(kOtherProcessSocket)) {
        if (driver.poll_once() != 0) continue;
        driver.sleep(std::chrono::steady_clock::now() + driver.patience(), kOtherProcessSocket);
    }
}

// Keeps gets of the parent's window in flight, and says so once by a packet, when the first ended.
inline void read(RailDriver& driver, const OtherProcessTask& task) {
    const auto offer = receive_offer(kOtherProcessSocket, driver.patience());
    if (!offer) return;
    const RailDriver::Registered target = driver.add_memory(task.bytes);
    const sdk::PeerCookie peer = driver.connect(offer->address);
    bool told = false;
    while (peer != 0 && parent_is_there(kOtherProcessSocket)) {
        std::vector<sdk::Cookie> cookies;
        for (std::size_t i = 0; i < 4; ++i) {
            const auto posted = driver.post(peer, offer->key, 0, target.region, 0, task.bytes);
            if (posted.refused != sdk::Code::Ok) return;
            cookies.push_back(posted.cookie);
        }
        if (!driver.wait_for(cookies)) return;
        if (!told && !send_offer(kOtherProcessSocket, {driver.address(), {}})) return;
        told = true;
    }
}

// Never returns when this process was started to be the other one of `setup`.
inline void run_if_asked(const TransportSetup& setup) {
    const char* asked = std::getenv(kOtherProcessVariable);
    if (asked == nullptr) return;
    OtherProcessTask task;
    std::array<char, 256> name{};
    int reads = 0;
    if (std::sscanf(asked, "%255s %lu %lu %d", name.data(), &task.bytes, &task.seed, &reads) != 4) {
        ::_exit(2);
    }
    if (setup.name != name.data()) return;
    task.reads = reads != 0;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (const auto transport = make_transport(setup)) {
        if (const auto driver = RailDriver::open(*transport, setup)) {
            task.reads ? read(*driver, task) : serve(*driver, task);
        }
    }
    std::fflush(stdout);
    ::_exit(0);
}

class Environment final : public ::testing::Environment {
public:
    explicit Environment(std::vector<TransportSetup> setups) : setups_{std::move(setups)} {}
    void SetUp() override {
        for (const TransportSetup& setup : setups_) run_if_asked(setup);
    }

private:
    std::vector<TransportSetup> setups_;
};

}  // namespace other_process

// The child, from the parent's side. Dies with this object, whatever state it is in.
class OtherProcess {
public:
    OtherProcess(const TransportSetup& setup, const OtherProcessTask& task)
        : patience_{setup.patience} {
        std::array<int, 2> ends{};
        if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
            ADD_FAILURE() << "socketpair: errno " << errno;
            return;
        }
        socket_ = ends[0];
        spawn(setup.name, task, ends[1]);
        ::close(ends[1]);
    }
    ~OtherProcess() {
        kill();
        ::close(socket_);
    }
    OtherProcess(const OtherProcess&) = delete;
    OtherProcess& operator=(const OtherProcess&) = delete;

    // What a source offers, or a reader says when its first get ended. Nothing, with a failed
    // expectation, when it did not get so far.
    Offer receive() {
        const auto offer = other_process::receive_offer(socket_, patience_);
        EXPECT_TRUE(offer) << "the other process says nothing";
        return offer.value_or(Offer{});
    }
    void send(const Offer& offer) { EXPECT_TRUE(other_process::send_offer(socket_, offer)); }

    void kill() {
        if (process_ <= 0) return;
        ::kill(process_, SIGKILL);
        int status = 0;
        while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {
        }
        process_ = -1;
    }
    // Returns when it has stopped.
    void stop() {
        ASSERT_EQ(::kill(process_, SIGSTOP), 0);
        int status = 0;
        ASSERT_EQ(::waitpid(process_, &status, WUNTRACED), process_);
        ASSERT_TRUE(WIFSTOPPED(status)) << "the other process has ended";
    }
    void resume() { ASSERT_EQ(::kill(process_, SIGCONT), 0); }

private:
    void spawn(const std::string& name, const OtherProcessTask& task, int their_end) {
        std::vector<std::string> variables = inherited_variables();
        variables.push_back(std::string{kOtherProcessVariable} + "=" + name + " " +
                            std::to_string(task.bytes) + " " + std::to_string(task.seed) + " " +
                            (task.reads ? "1" : "0"));
        std::vector<char*> environment;
        for (std::string& variable : variables) environment.push_back(variable.data());
        environment.push_back(nullptr);
        std::string program = "/proc/self/exe";
        std::array<char*, 2> arguments{program.data(), nullptr};

        ::posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        if (std::getenv("GODWIT_CONFORMANCE_LOG") == nullptr) {
            ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        }
        ::posix_spawn_file_actions_adddup2(&actions, their_end, kOtherProcessSocket);
        // Sockets that a fabric left inheritable would keep connections alive that must die.
        ::posix_spawn_file_actions_addclosefrom_np(&actions, kOtherProcessSocket + 1);
        const int rc = ::posix_spawn(&process_, program.c_str(), &actions, nullptr,
                                     arguments.data(), environment.data());
        ::posix_spawn_file_actions_destroy(&actions);
        EXPECT_EQ(rc, 0) << "posix_spawn";
        if (rc != 0) process_ = -1;
    }

    // Without those that would make the child filter, repeat or report tests.
    static std::vector<std::string> inherited_variables() {
        std::vector<std::string> variables;
        for (char** variable = environ; *variable != nullptr; ++variable) {
            const std::string_view text = *variable;
            if (!text.starts_with("GTEST_") && !text.starts_with("TEST_")) {
                variables.emplace_back(text);
            }
        }
        return variables;
    }

    std::chrono::milliseconds patience_;
    int socket_ = -1;
    ::pid_t process_ = -1;
};

}  // namespace godwit::conformance
