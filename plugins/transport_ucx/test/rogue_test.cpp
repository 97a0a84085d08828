// Peers that break the protocol: whatever they say, the rail goes on, and nothing is read or
// written that should not be.
#include "rogue.h"

#include <chrono>
#include <functional>
#include <numeric>

#include "godwit/conformance/load.h"
#include "protocol_limits.h"
#include "rail.h"

namespace godwit::transport_ucx {
namespace {

constexpr std::chrono::seconds kPatience{10};

class AgainstARogue : public ::testing::Test {
protected:
    void SetUp() override {
        auto rail = UcxRail::open(library(), *read_settings({}), {"lo", "127.0.0.1"},
                                  conformance::test_host());
        ASSERT_TRUE(rail) << rail.error().message;
        rail_ = std::move(*rail);
        address_ = *decode_address(rail_->address());
        std::iota(reinterpret_cast<unsigned char*>(memory_.data()),
                  reinterpret_cast<unsigned char*>(memory_.data() + memory_.size()), 1);
        ASSERT_TRUE(rail_->register_memory(memory_, region_));
        sdk::WindowKey key;
        ASSERT_TRUE(rail_->export_window(region_, 0, kWindow, 1, key));
        key_ = *decode_key(key.view());
    }

    // Drives both until `done`; false: it never is.
    bool both_until(const std::function<bool()>& done) {
        const auto deadline = std::chrono::steady_clock::now() + kPatience;
        while (!done()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            rogue_.progress();
            std::array<sdk::Event, 8> events;
            const std::size_t count = rail_->poll(events);
            events_.insert(events_.end(), events.begin(), events.begin() + count);
        }
        return true;
    }
    bool hears(MessageKind kind) {
        return both_until([&] { return rogue_.received(kind) != nullptr; });
    }
    bool is_thrown_out() {
        return both_until([&] { return rogue_.has_lost_connection(); });
    }
    // Null: there was none.
    const sdk::Event* event(sdk::Event::Kind kind) {
        for (const sdk::Event& event : events_) {
            if (event.kind == kind) return &event;
        }
        return nullptr;
    }

    void greet() {
        rogue_.connect(address_);
        rogue_.tell(MessageKind::Hello, encode(Hello{address_.instance, 1, 2}));
        ASSERT_TRUE(hears(MessageKind::HelloAnswer));
    }
    Get honest_get() const { return {{0, 99}, key_, 0, 64}; }
    // The connection is good for an honest get still.
    void expect_still_served() {
        rogue_.forget();
        rogue_.tell(MessageKind::Get, encode(honest_get()));
        ASSERT_TRUE(hears(MessageKind::Data));
        EXPECT_EQ(rogue_.received(MessageKind::Data)->bytes, 64U);
    }

    // The rogue serves: connects the rail to it, up to a get that waits for its answer.
    void be_asked(std::size_t length) {
        ASSERT_TRUE(rail_->connect(encode(rogue_.listen()), 1, peer_));
        ASSERT_TRUE(hears(MessageKind::Hello));
        const auto hello = decode_hello(rogue_.received(MessageKind::Hello)->header);
        ASSERT_TRUE(hello);
        rogue_.tell(MessageKind::HelloAnswer, encode(HelloAnswer{hello->nonce, {}}));
        ASSERT_TRUE(both_until([&] { return event(sdk::Event::Kind::PeerUp) != nullptr; }));
        ask(kTarget, length);
    }
    void ask(std::size_t target, std::size_t length) {
        rogue_.forget();
        ASSERT_TRUE(rail_->get(peer_, encode(key_), 0, region_, target, length, 2));
        ASSERT_TRUE(hears(MessageKind::Get));
        asked_ = decode_get(rogue_.received(MessageKind::Get)->header)->name;
    }
    void answer(const GetName& name, std::size_t bytes, unsigned flags) {
        rogue_.tell(MessageKind::Data, encode(Data{name}),
                    std::vector<std::byte>(bytes, std::byte{0xEE}), flags);
    }
    bool is_untouched() const {
        for (std::size_t i = 0; i < memory_.size(); ++i) {
            if (memory_[i] != static_cast<std::byte>(i + 1)) return false;
        }
        return true;
    }

    static constexpr std::size_t kWindow = 4096;
    static constexpr std::size_t kTarget = 8192;

    std::vector<std::byte> memory_ = std::vector<std::byte>(1 << 20);
    Rogue rogue_;
    std::unique_ptr<sdk::Rail> rail_;
    RailAddress address_;
    sdk::Region* region_ = nullptr;
    Key key_;
    sdk::Peer* peer_ = nullptr;
    GetName asked_;
    std::vector<sdk::Event> events_;
};

TEST_F(AgainstARogue, HonestPeerIsServed) {
    greet();

    expect_still_served();
}

TEST_F(AgainstARogue, HelloForAnotherInstanceIsRefused) {
    rogue_.connect(address_);
    rogue_.tell(MessageKind::Hello, encode(Hello{address_.instance + 1, 1, 2}));

    ASSERT_TRUE(hears(MessageKind::HelloAnswer));
    const auto answer = decode_hello_answer(rogue_.received(MessageKind::HelloAnswer)->header);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->greeting, Greeting::WrongInstance);
    rogue_.tell(MessageKind::Get, encode(honest_get()));
    EXPECT_TRUE(is_thrown_out()) << "a get without a welcome";
    EXPECT_EQ(rogue_.received(MessageKind::Data), nullptr);
}

TEST_F(AgainstARogue, GetBeforeHelloEndsTheConnection) {
    rogue_.connect(address_);
    rogue_.tell(MessageKind::Get, encode(honest_get()));

    EXPECT_TRUE(is_thrown_out());
    EXPECT_EQ(rogue_.received(MessageKind::Data), nullptr);
}

TEST_F(AgainstARogue, GarbageForAHelloEndsTheConnection) {
    rogue_.connect(address_);
    rogue_.tell(MessageKind::Hello, std::vector<std::byte>(1000, std::byte{1}));

    EXPECT_TRUE(is_thrown_out());
}

TEST_F(AgainstARogue, GarbageForAGetEndsTheConnection) {
    greet();
    rogue_.tell(MessageKind::Get, sdk::ByteView{encode(honest_get())}.first(kGetBytes - 1));

    EXPECT_TRUE(is_thrown_out());
}

TEST_F(AgainstARogue, GetOfAnotherWireVersionEndsTheConnection) {
    greet();
    auto get = encode(honest_get());
    get[0] = std::byte{kWireVersion + 1};
    rogue_.tell(MessageKind::Get, get);

    EXPECT_TRUE(is_thrown_out());
}

TEST_F(AgainstARogue, GetWithAWrongKeyOrRangeIsRefused) {
    greet();
    Get wrong_secret = honest_get();
    wrong_secret.key.secret[0] ^= std::byte{1};
    Get wrong_epoch = honest_get();
    wrong_epoch.key.epoch = 2;
    Get beyond = honest_get();
    beyond.length = kWindow + 1;
    Get wrapping = honest_get();
    wrapping.offset = ~std::uint64_t{0};
    Get empty = honest_get();
    empty.length = 0;
    Get endless = honest_get();
    endless.length = kGetBytesMax + 1;

    for (const Get& get : {wrong_secret, wrong_epoch, beyond, wrapping, empty, endless}) {
        rogue_.forget();
        rogue_.tell(MessageKind::Get, encode(get));

        ASSERT_TRUE(hears(MessageKind::Refusal));
        EXPECT_EQ(rogue_.received(MessageKind::Data), nullptr);
    }
    expect_still_served();
}

TEST_F(AgainstARogue, AnswersThatNobodyAskedForAreDropped) {
    greet();
    rogue_.tell(MessageKind::Data, encode(Data{{0, 0}}), std::vector<std::byte>(64));
    rogue_.tell(MessageKind::Data, encode(Data{{~0U, 5}}), std::vector<std::byte>(64));
    rogue_.tell(MessageKind::Data, {}, std::vector<std::byte>(1 << 18),
                UCP_AM_SEND_FLAG_RNDV | UCP_AM_SEND_FLAG_REPLY);
    rogue_.tell(MessageKind::Refusal, encode(Refusal{{0, 0}}));
    rogue_.tell(MessageKind::HelloAnswer, encode(HelloAnswer{}));

    expect_still_served();
    EXPECT_TRUE(is_untouched());
}

class AnswerOfAnotherLength : public AgainstARogue,
                              public ::testing::WithParamInterface<std::pair<int, unsigned>> {};

TEST_P(AnswerOfAnotherLength, WritesNothing) {
    constexpr int kAsked = 256 * 1024;
    const auto [more, flags] = GetParam();
    be_asked(kAsked);
    answer(asked_, static_cast<std::size_t>(kAsked + more), flags);

    ASSERT_TRUE(both_until([&] { return event(sdk::Event::Kind::GetDone) != nullptr; }));
    EXPECT_EQ(event(sdk::Event::Kind::GetDone)->code, sdk::Code::Internal);
    EXPECT_TRUE(is_untouched());
}

INSTANTIATE_TEST_SUITE_P(Sizes, AnswerOfAnotherLength,
                         ::testing::Values(std::pair{1, UCP_AM_SEND_FLAG_RNDV},
                                           std::pair{-1, UCP_AM_SEND_FLAG_RNDV},
                                           std::pair{1, UCP_AM_SEND_FLAG_EAGER},
                                           std::pair{-256 * 1024, UCP_AM_SEND_FLAG_EAGER}));

TEST_F(AgainstARogue, AnswerWithAWrongNonceWritesNothing) {
    be_asked(64);
    answer({asked_.slot, asked_.nonce + 1}, 64, UCP_AM_SEND_FLAG_EAGER);
    answer({asked_.slot + 1, asked_.nonce}, 64, UCP_AM_SEND_FLAG_EAGER);
    answer(asked_, 64, UCP_AM_SEND_FLAG_EAGER);

    ASSERT_TRUE(both_until([&] { return event(sdk::Event::Kind::GetDone) != nullptr; }));
    EXPECT_EQ(event(sdk::Event::Kind::GetDone)->code, sdk::Code::Ok);
    EXPECT_EQ(memory_[kTarget], std::byte{0xEE});
    EXPECT_EQ(memory_[kTarget + 64], static_cast<std::byte>(kTarget + 65));
}

TEST_F(AgainstARogue, SecondAnswerWritesNothing) {
    be_asked(64);
    const GetName first = asked_;
    rogue_.tell(MessageKind::Refusal, encode(Refusal{first}));
    ASSERT_TRUE(both_until([&] { return event(sdk::Event::Kind::GetDone) != nullptr; }));
    EXPECT_EQ(event(sdk::Event::Kind::GetDone)->code, sdk::Code::BadKey);
    events_.clear();

    // The slot is in use again, for another place; the late answer comes before the right one.
    ask(kTarget + 4096, 64);
    ASSERT_EQ(asked_.slot, first.slot);
    answer(first, 64, UCP_AM_SEND_FLAG_EAGER);
    EXPECT_TRUE(is_untouched());
    rogue_.tell(MessageKind::Refusal, encode(Refusal{asked_}));

    ASSERT_TRUE(both_until([&] { return event(sdk::Event::Kind::GetDone) != nullptr; }));
    EXPECT_EQ(event(sdk::Event::Kind::GetDone)->code, sdk::Code::BadKey);
    EXPECT_TRUE(is_untouched());
}

TEST_F(AgainstARogue, SilentSourceIsGivenUpWithItsGet) {
    be_asked(64);
    rail_.reset();

    EXPECT_TRUE(is_untouched());
}

}  // namespace
}  // namespace godwit::transport_ucx
