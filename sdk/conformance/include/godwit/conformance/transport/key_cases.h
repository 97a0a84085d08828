// Who may read what: keys, epochs and the edges of windows.
#pragma once

#include <atomic>
#include <limits>
#include <random>
#include <set>

#include "godwit/conformance/transport/suite.h"

namespace godwit::conformance {

inline constexpr std::size_t kWindow = 8192;
inline constexpr std::byte kSecret{0x5C};

// A source whose window lies in the middle of memory that nobody may read.
inline Offer offer_between_secrets(RailDriver& driver, std::uint64_t seed, sdk::Epoch epoch) {
    const RailDriver::Registered memory = driver.add_memory(3 * kWindow);
    std::ranges::fill(memory.memory->bytes(), kSecret);
    Pattern{seed}.fill(memory.memory->part(kWindow, kWindow));
    return {driver.address(), driver.export_window(memory.region, kWindow, kWindow, epoch)};
}

inline ::testing::AssertionResult no_secret_in(std::span<const std::byte> memory) {
    const auto found = std::search_n(memory.begin(), memory.end(), 16, kSecret);
    if (found == memory.end()) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << "a secret was read, at byte " << found - memory.begin();
}

// A destination that connects again whenever a refusal took its peer down.
class Prober {
public:
    Prober(std::unique_ptr<RailDriver> driver, std::vector<std::byte> address)
        : driver_{std::move(driver)}, address_{std::move(address)} {
        target_ = driver_->add_memory(4 * kWindow);
    }

    sdk::Code fetch(const sdk::WindowKey& key, std::uint64_t offset, std::size_t length) {
        poison(target());
        if (peer_ == 0 || driver_->peer(peer_).down) peer_ = driver_->connect(address_);
        if (peer_ == 0) return sdk::Code::PeerLost;
        const sdk::Code code = driver_->fetch(peer_, key, offset, target_.region, 0, length);
        // BadKey may come before the loss that it brings about.
        if (code != sdk::Code::Ok) {
            driver_->abort(peer_);
            EXPECT_TRUE(driver_->wait_for_down(peer_)) << "after " << to_string(code);
        }
        return code;
    }
    std::span<std::byte> target() const { return target_.memory->bytes(); }

private:
    std::unique_ptr<RailDriver> driver_;
    std::vector<std::byte> address_;
    RailDriver::Registered target_;
    sdk::PeerCookie peer_ = 0;
};

inline bool is_refusal(sdk::Code code) {
    return code == sdk::Code::BadKey || code == sdk::Code::PeerLost ||
           code == sdk::Code::InvalidArgument;
}

TEST_P(TransportKeys, RangeBeyondTheWindowBringsNothing) {
    GODWIT_NEEDS_CAPABILITY(keys_enforced);
    RailThread source{transport(), setup()};
    const Offer offer =
        source.run([](RailDriver& driver) { return offer_between_secrets(driver, 50, 1); });
    Prober prober{open_rail(), offer.address};
    constexpr std::uint64_t kHighest = std::numeric_limits<std::uint64_t>::max();

    for (const auto& [offset, length] : {std::pair<std::uint64_t, std::size_t>{0, kWindow + 1},
                                         {1, kWindow},
                                         {kWindow, 1},
                                         {kWindow + 1, 16},
                                         {2 * kWindow, kWindow},
                                         {kHighest, 2},
                                         {kHighest - kWindow + 1, kWindow},
                                         {kHighest / 2, 4096}}) {
        EXPECT_TRUE(is_refusal(prober.fetch(offer.key, offset, length))) << offset << "+" << length;
        EXPECT_TRUE(untouched(prober.target())) << offset << "+" << length;
    }
    EXPECT_EQ(prober.fetch(offer.key, 0, kWindow), sdk::Code::Ok);
}

TEST_P(TransportKeys, TamperedKeyReadsNothingOutsideItsWindow) {
    GODWIT_NEEDS_CAPABILITY(keys_enforced);
    RailThread source{transport(), setup()};
    const Offer offer =
        source.run([](RailDriver& driver) { return offer_between_secrets(driver, 51, 1); });
    Prober prober{open_rail(), offer.address};

    for (std::size_t i = 0; i < offer.key.size; ++i) {
        for (const std::byte change : {std::byte{0xff}, std::byte{0x01}}) {
            sdk::WindowKey tampered = offer.key;
            tampered.bytes[i] ^= change;

            const sdk::Code within = prober.fetch(tampered, 0, 4096);
            EXPECT_TRUE(no_secret_in(prober.target())) << "key byte " << i;
            EXPECT_TRUE(within == sdk::Code::Ok || is_refusal(within)) << to_string(within);

            const sdk::Code beyond = prober.fetch(tampered, kWindow - 64, 4096);
            EXPECT_TRUE(no_secret_in(prober.target())) << "key byte " << i;
            EXPECT_TRUE(is_refusal(beyond)) << "key byte " << i << ": " << to_string(beyond);
        }
    }
    EXPECT_EQ(prober.fetch(offer.key, 0, kWindow), sdk::Code::Ok);
}

TEST_P(TransportKeys, GuessedKeyOpensNothing) {
    GODWIT_NEEDS_CAPABILITY(keys_enforced);
    RailThread source{transport(), setup()};
    const Offer offer =
        source.run([](RailDriver& driver) { return offer_between_secrets(driver, 52, 1); });
    RailThread stranger{transport(), setup()};
    const Offer foreign =
        stranger.run([](RailDriver& driver) { return offer_between_secrets(driver, 53, 1); });
    Prober prober{open_rail(), offer.address};
    std::mt19937 random{53};

    EXPECT_TRUE(is_refusal(prober.fetch(foreign.key, 0, 4096))) << "another rail's key";
    EXPECT_TRUE(untouched(prober.target()));
    for (int i = 0; i < 20; ++i) {
        sdk::WindowKey guess = offer.key;
        for (std::size_t b = 0; b < guess.size; ++b) {
            guess.bytes[b] = static_cast<std::byte>(random());
        }
        EXPECT_TRUE(is_refusal(prober.fetch(guess, 0, 4096)));
        EXPECT_TRUE(untouched(prober.target()));
    }
}

TEST_P(TransportKeys, KeysOfTwoWindowsDiffer) {
    GODWIT_NEEDS_CAPABILITY(keys_enforced);
    const auto driver = open_rail();
    const auto memory = driver->add_memory(2 * kWindow);
    std::set<std::string> keys;
    for (sdk::Epoch epoch = 1; epoch <= 8; ++epoch) {
        for (const std::size_t offset : {std::size_t{0}, kWindow}) {
            const auto key = driver->export_window(memory.region, offset, kWindow, epoch);
            keys.emplace(reinterpret_cast<const char*>(key.bytes.data()), key.size);
        }
    }

    EXPECT_EQ(keys.size(), 16u);
}

TEST_P(TransportKeys, RevokedEpochOpensNothingAndOthersGoOn) {
    GODWIT_NEEDS_CAPABILITY(keys_enforced);
    RailThread source{transport(), setup()};
    const Offer first =
        source.run([](RailDriver& driver) { return offer_between_secrets(driver, 54, 1); });
    const Offer also_first =
        source.run([](RailDriver& driver) { return offer_between_secrets(driver, 55, 1); });
    const Offer second =
        source.run([](RailDriver& driver) { return offer_between_secrets(driver, 56, 2); });
    Prober prober{open_rail(), first.address};
    for (const Offer* offer : {&first, &also_first, &second}) {
        ASSERT_EQ(prober.fetch(offer->key, 0, kWindow), sdk::Code::Ok);
    }

    // Twice: what is gone already may be revoked again. 77 was never used.
    source.run([](RailDriver& driver) {
        for (const sdk::Epoch epoch : {1, 1, 77}) driver.rail().revoke_windows(epoch);
    });

    for (const Offer* offer : {&first, &also_first}) {
        EXPECT_TRUE(is_refusal(prober.fetch(offer->key, 0, kWindow)));
        EXPECT_TRUE(untouched(prober.target()));
    }
    EXPECT_EQ(prober.fetch(second.key, 0, kWindow), sdk::Code::Ok);
    EXPECT_TRUE(holds(Pattern{56}, prober.target().first(kWindow)));
}

TEST_P(TransportKeys, RefusalOfOnePeerLeavesAnotherAlone) {
    GODWIT_NEEDS_CAPABILITY(keys_enforced);
    RailThread source{transport(), setup()};
    const Offer revoked =
        source.run([](RailDriver& driver) { return offer_between_secrets(driver, 57, 1); });
    const Offer valid =
        source.run([](RailDriver& driver) { return offer_between_secrets(driver, 58, 2); });
    source.run([](RailDriver& driver) { driver.rail().revoke_windows(1); });
    RailThread honest{transport(), setup()};
    auto dishonest_has_ended = std::make_shared<std::atomic<bool>>(false);

    auto honest_end = honest.start([&valid, dishonest_has_ended](RailDriver& driver) {
        const auto target = driver.add_memory(kWindow);
        const sdk::PeerCookie peer = driver.connect(valid.address);
        sdk::Code code = sdk::Code::Ok;
        while (code == sdk::Code::Ok && !*dishonest_has_ended) {
            code = driver.fetch(peer, valid.key, 0, target.region, 0, kWindow);
        }
        EXPECT_FALSE(driver.peer(peer).down);
        return code;
    });
    Prober dishonest{open_rail(), revoked.address};
    for (int i = 0; i < 10; ++i) {
        EXPECT_TRUE(is_refusal(dishonest.fetch(revoked.key, 0, kWindow)));
    }
    *dishonest_has_ended = true;

    EXPECT_EQ(honest_end.get(), sdk::Code::Ok);
}

}  // namespace godwit::conformance
