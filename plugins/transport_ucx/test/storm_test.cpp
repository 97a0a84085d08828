// Destinations that come, get and go at any moment: the source serves on, and nothing is written
// after it was given up. UCX aborts the process on several of its own ways to end a connection;
// this is what found them.
#include <godwit/conformance/transport/site.h>
#include <godwit/conformance/transport/suite.h>

#include <random>

namespace godwit::conformance {
namespace {

constexpr std::size_t kStormBytes = std::size_t{1} << 20;

TransportSetup storm_setup() {
    const auto site = site_setups(PLUGIN_FILE);
    if (!site.empty()) return site.front();
    return {.plugin = PLUGIN_FILE,
            .options = {{"tls", "tcp"}},
            .rail = {.iface = "lo", .address = "127.0.0.1"}};
}

// One visit: connects, perhaps gets, perhaps waits, and leaves.
void visit(RailDriver& driver, const RailDriver::Registered& target, const Offer& offer,
           std::mt19937& random) {
    const sdk::PeerCookie peer = driver.start_connect(offer.address);
    ASSERT_NE(peer, 0U);
    if (random() % 4 == 0) {
        for (unsigned polls = random() % 16; polls != 0; --polls) driver.poll_once();
    } else {
        driver.poll_until([&] { return driver.peer(peer).up || driver.peer(peer).down; });
        for (unsigned gets = random() % 32; gets != 0 && driver.peer(peer).up; --gets) {
            const std::size_t length = 1 + random() % kStormBytes;
            driver.try_get(peer, offer.key, 0, target.region, 0, length);
            if (random() % 4 == 0) driver.poll_once();
        }
        for (unsigned polls = random() % 16; polls != 0; --polls) driver.poll_once();
    }
    driver.abort(peer);
    if (random() % 4 == 0) return;  // The rail ends, or the next one comes, with this one closing.
    EXPECT_TRUE(driver.wait_for_down(peer));
    poison(target.memory->bytes());
    for (unsigned polls = random() % 16; polls != 0; --polls) driver.poll_once();
    EXPECT_TRUE(untouched(target.memory->bytes()));
}

class Storm : public ::testing::TestWithParam<unsigned> {};

TEST_P(Storm, LeavesTheSourceServing) {
    const TransportSetup setup = storm_setup();
    const auto transport = make_transport(setup);
    ASSERT_NE(transport, nullptr);
    RailThread source{*transport, setup};
    const Offer offer = source.run(
        [](RailDriver& driver) { return offer_pattern(driver, kStormBytes, GetParam(), 1); });
    std::mt19937 random{GetParam()};

    for (int rails = 0; rails < 12 && !::testing::Test::HasFailure(); ++rails) {
        const auto driver = RailDriver::open(*transport, setup);
        ASSERT_NE(driver, nullptr);
        const auto target = driver->add_memory(kStormBytes);
        for (int visits = 0; visits < 12; ++visits) visit(*driver, target, offer, random);
    }

    const auto driver = RailDriver::open(*transport, setup);
    const auto target = driver->add_memory(kStormBytes);
    const sdk::PeerCookie peer = driver->connect(offer.address);
    EXPECT_EQ(driver->fetch(peer, offer.key, 0, target.region, 0, kStormBytes), sdk::Code::Ok);
    EXPECT_TRUE(holds(Pattern{GetParam()}, target.memory->bytes()));
}

INSTANTIATE_TEST_SUITE_P(Seeds, Storm, ::testing::Range(1U, 5U));

}  // namespace
}  // namespace godwit::conformance
