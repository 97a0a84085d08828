// The fixture that all cases share: a transport, and rails on threads of their own.
#pragma once

#include <sys/resource.h>

#include "godwit/conformance/transport/other_process.h"

namespace godwit::conformance {

// Skips a case whose promise the rail does not make; the name of the RailInfo field is the reason.
#define GODWIT_NEEDS_CAPABILITY(field)                               \
    if (!capabilities().field) {                                     \
        GTEST_SKIP() << "the rail does not claim RailInfo::" #field; \
    }                                                                \
    static_assert(true)

class TransportConformance : public ::testing::TestWithParam<TransportSetup> {
protected:
    void SetUp() override {
        transport_ = make_transport(setup());
        ASSERT_NE(transport_, nullptr);
    }

    static const TransportSetup& setup() { return GetParam(); }
    sdk::Transport& transport() { return *transport_; }

    // A rail of the test's own thread: the destination, in most cases. Throws to end the case.
    std::unique_ptr<RailDriver> open_rail() {
        auto driver = RailDriver::open(*transport_, setup());
        if (driver == nullptr) throw std::runtime_error{"no rail, no case"};
        return driver;
    }

    // A source on a thread of its own that offers the pattern of `seed`.
    struct Source {
        std::unique_ptr<RailThread> thread;
        Offer offer;
        Pattern pattern{0};
    };
    Source open_source(std::size_t bytes, std::uint64_t seed, sdk::Epoch epoch = 1) {
        Source source{std::make_unique<RailThread>(*transport_, setup()), {}, Pattern{seed}};
        source.offer = source.thread->run(
            [=](RailDriver& driver) { return offer_pattern(driver, bytes, seed, epoch); });
        return source;
    }

    sdk::RailInfo capabilities() { return open_rail()->info(); }

private:
    std::unique_ptr<sdk::Transport> transport_;
};

class TransportOpen : public TransportConformance {};
class TransportGet : public TransportConformance {};
class TransportKeys : public TransportConformance {};
class TransportLoss : public TransportConformance {};
class TransportWait : public TransportConformance {};

}  // namespace godwit::conformance
