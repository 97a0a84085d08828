// What the plugin must not do to its host, and what it says to it. A program of its own, which does
// not link UCX: the plugin is the first to load it.
#include <dlfcn.h>
#include <godwit/conformance/load.h>
#include <signal.h>
#include <sys/mman.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "godwit/sdk/transport.h"

extern "C" char** environ;

namespace godwit::transport_ucx {
namespace {

using Texts = std::vector<std::pair<std::string, std::string>>;

std::unique_ptr<sdk::Transport> make_transport(const Texts& options = {}) {
    return conformance::make_from<sdk::Transport>(PLUGIN_FILE, conformance::make_options(options));
}

std::unique_ptr<sdk::Transport> make_with_config(const std::string& entry) {
    sdk::Value list;
    list.kind = sdk::Value::Kind::List;
    list.items.push_back(sdk::Value::scalar(entry));
    sdk::Options options;
    options.values.members.emplace_back("config", std::move(list));
    return conformance::make_from<sdk::Transport>(PLUGIN_FILE, options);
}

const sdk::RailSpec kLoopback{"lo", "127.0.0.1"};

using Handler = void (*)(int);

// What UCX would replace by default, and a few more.
std::vector<Handler> handlers() {
    std::vector<Handler> all;
    for (const int number : {SIGSEGV, SIGILL, SIGBUS, SIGFPE, SIGABRT, SIGHUP, SIGTERM, SIGINT,
                             SIGALRM, SIGUSR1, SIGCHLD, SIGPIPE}) {
        struct sigaction action {};
        ::sigaction(number, nullptr, &action);
        all.push_back(action.sa_handler);
    }
    return all;
}

// The beginnings of the functions that UCX would patch by default.
std::vector<std::array<unsigned char, 16>> beginnings() {
    std::vector<std::array<unsigned char, 16>> all;
    for (const char* name : {"mmap", "munmap", "mremap", "madvise", "brk", "sbrk", "shmat", "shmdt",
                             "malloc", "free", "realloc", "calloc"}) {
        void* const function = ::dlsym(RTLD_DEFAULT, name);
        if (function == nullptr) continue;
        std::memcpy(all.emplace_back().data(), function, 16);
    }
    return all;
}

std::vector<std::string> environment() {
    std::vector<std::string> all;
    for (char** variable = environ; *variable != nullptr; ++variable) all.emplace_back(*variable);
    return all;
}

TEST(Host, KeepsItsSignalHandlersMemoryFunctionsAndEnvironment) {
    const auto handlers_before = handlers();
    const auto beginnings_before = beginnings();
    const auto environment_before = environment();
    stack_t stack_before{};
    ::sigaltstack(nullptr, &stack_before);

    const auto transport = make_transport();
    ASSERT_NE(transport, nullptr);
    const auto rail = transport->open_rail(kLoopback);
    ASSERT_TRUE(rail) << rail.error().message;

    ASSERT_NE(::dlopen("libucs.so.0", RTLD_NOW | RTLD_NOLOAD), nullptr) << "UCX was not used";
    EXPECT_EQ(handlers(), handlers_before);
    EXPECT_EQ(beginnings(), beginnings_before);
    EXPECT_EQ(environment(), environment_before);
    stack_t stack{};
    ::sigaltstack(nullptr, &stack);
    EXPECT_EQ(stack.ss_sp, stack_before.ss_sp);
}

// RailInfo is what the host pairs and weighs rails by.
TEST(Host, LearnsWhatTheRailIs) {
    const auto transport = make_transport({{"gets_in_flight_max", "17"}});
    ASSERT_NE(transport, nullptr);
    const auto rail = transport->open_rail({"lo", ""});
    ASSERT_TRUE(rail) << rail.error().message;

    const sdk::RailInfo info = (*rail)->info();

    EXPECT_EQ(info.device, "lo");
    EXPECT_EQ(info.address, "127.0.0.1");
    EXPECT_EQ(info.gets_in_flight_max, 17U);
    EXPECT_TRUE(info.has_wait_fd);
    EXPECT_TRUE(info.keys_enforced);
    EXPECT_TRUE(info.source_must_poll);
    EXPECT_FALSE(info.same_host_only);
    EXPECT_FALSE(info.native_rma);
}

TEST(Host, LearnsFromTheWireWhatMustAgree) {
    const auto tcp = make_transport();
    const auto both = make_transport({{"tls", "tcp, rc"}});
    const auto both_again = make_transport({{"tls", "rc,tcp"}});

    EXPECT_TRUE(tcp->wire().starts_with("ucx/tcp/1.")) << tcp->wire();
    EXPECT_NE(both->wire(), tcp->wire());
    EXPECT_EQ(both->wire(), both_again->wire());
}

TEST(Host, IsToldThatTheNicHasNoRdma) {
    const auto transport = make_transport({{"tls", "rc"}});
    ASSERT_NE(transport, nullptr);

    const auto rail = transport->open_rail(kLoopback);

    ASSERT_FALSE(rail);
    EXPECT_EQ(rail.error().code, sdk::Code::NotFound);
    for (const char* part :
         {"open rail 'lo'", "no RDMA device belongs to 'lo'", "127.0.0.1", "RDMA devices here"}) {
        EXPECT_NE(rail.error().message.find(part), std::string::npos) << rail.error().message;
    }
}

TEST(Host, IsToldWhichUcxSettingIsUnknown) {
    for (const char* entry : {"NO_SUCH_SETTING=1", "TCP_NODELAY=banana", "TCP_NO_SUCH=1"}) {
        const auto transport = make_with_config(entry);
        ASSERT_NE(transport, nullptr);

        const auto rail = transport->open_rail(kLoopback);

        ASSERT_FALSE(rail) << entry;
        EXPECT_EQ(rail.error().code, sdk::Code::InvalidArgument) << rail.error().message;
        const std::string name{entry, std::strchr(entry, '=')};
        EXPECT_NE(rail.error().message.find(name), std::string::npos) << rail.error().message;
    }
}

TEST(Host, IsToldWhatUcxSaysOfABadValue) {
    const auto transport = make_with_config("KEEPALIVE_NUM_EPS=banana");
    ASSERT_NE(transport, nullptr);

    const auto rail = transport->open_rail(kLoopback);

    ASSERT_FALSE(rail);
    EXPECT_NE(rail.error().message.find("Invalid value"), std::string::npos)
        << rail.error().message;
}

TEST(Host, MaySetWhatUcxKnows) {
    for (const char* entry : {"TCP_NODELAY=y", "UCX_TCP_MAX_POLL=8", "KEEPALIVE_NUM_EPS=4"}) {
        const auto transport = make_with_config(entry);
        ASSERT_NE(transport, nullptr);

        const auto rail = transport->open_rail(kLoopback);

        EXPECT_TRUE(rail) << entry << ": " << rail.status().error().message;
    }
}

TEST(Host, RestrictsPorts) {
    // Two rails need four ports: one that others connect to, and one for their bytes, each.
    const auto transport = make_transport({{"port_low", "28510"}, {"port_high", "28529"}});
    ASSERT_NE(transport, nullptr);

    const auto first = transport->open_rail(kLoopback);
    const auto second = transport->open_rail(kLoopback);

    ASSERT_TRUE(first) << first.error().message;
    ASSERT_TRUE(second) << second.error().message;
}

TEST(Host, IsToldThatNoPortIsFree) {
    const auto transport = make_transport({{"port_low", "28530"}, {"port_high", "28530"}});
    ASSERT_NE(transport, nullptr);

    const auto rail = transport->open_rail(kLoopback);

    // One port is not enough for the two that a rail needs.
    ASSERT_FALSE(rail);
    EXPECT_EQ(rail.error().code, sdk::Code::Unavailable) << rail.error().message;
    EXPECT_NE(rail.error().message.find("28530..28530"), std::string::npos) << rail.error().message;
}

}  // namespace
}  // namespace godwit::transport_ucx
