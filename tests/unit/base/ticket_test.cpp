#include "base/ticket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace godwit::base {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

class Ticket : public testing::Test {
protected:
    Status check(std::string_view ticket, WallTime now) const {
        return check_ticket(secret_, claim_, ticket, now);
    }
    void expect_refused(const TicketClaim& claim) const {
        const auto status = check_ticket(secret_, claim, ticket_, expiry_);
        ASSERT_FALSE(status);
        EXPECT_EQ(status.error().code, Code::InvalidArgument);
        EXPECT_THAT(status.error().message, HasSubstr("not signed for this"));
    }

    const Secret secret_{"correct horse battery staple"};
    const TicketClaim claim_{"r-1", 7, "worker-a", "worker-b", "/data/\xFF"};
    const WallTime expiry_{seconds{2'000'000'000}};
    const std::string ticket_ = sign_ticket(secret_, claim_, expiry_);
};

TEST_F(Ticket, IsGoodForWhatItWasSignedFor) {
    const auto status = check(ticket_, expiry_ - seconds{1});

    EXPECT_TRUE(status) << status.error().message;
}

TEST_F(Ticket, IsGoodForNothingElse) {
    for (const auto& change : std::initializer_list<void (*)(TicketClaim&)>{
             [](TicketClaim& claim) { claim.request_id = "r-2"; },
             [](TicketClaim& claim) { ++claim.generation; },
             [](TicketClaim& claim) { claim.source_worker = "worker-b"; },
             [](TicketClaim& claim) { claim.destination_worker = "worker-a"; },
             [](TicketClaim& claim) { claim.destination_path = "/data"; }}) {
        TicketClaim other = claim_;
        change(other);
        expect_refused(other);
    }
}

TEST_F(Ticket, TellsItsTextsApartWhereTheyMeet) {
    TicketClaim shifted = claim_;
    shifted.source_worker = "worker-aw";
    shifted.destination_worker = "orker-b";

    expect_refused(shifted);
}

TEST_F(Ticket, IsGoodWithItsOwnSecretOnly) {
    const auto status = check_ticket(Secret{"another"}, claim_, ticket_, expiry_);

    ASSERT_FALSE(status);
    EXPECT_THAT(status.error().message, HasSubstr("ticket_secret"));
}

TEST_F(Ticket, ExpiresAfterItsSecond) {
    EXPECT_TRUE(check(ticket_, expiry_));
    EXPECT_TRUE(check(ticket_, expiry_ + milliseconds{999}));

    const auto late = check(ticket_, expiry_ + seconds{1});
    ASSERT_FALSE(late);
    EXPECT_THAT(late.error().message, HasSubstr("expired"));
}

TEST_F(Ticket, WithALaterExpiryWrittenIntoItIsRefused) {
    std::string forged = ticket_;
    forged.replace(0, forged.find('.'), "3000000000");

    EXPECT_FALSE(check(forged, expiry_));
}

TEST_F(Ticket, WithAnyCharacterChangedIsRefused) {
    for (std::size_t i = 0; i < ticket_.size(); ++i) {
        std::string damaged = ticket_;
        damaged[i] = damaged[i] == '0' ? '1' : '0';
        EXPECT_FALSE(check(damaged, expiry_ - seconds{1})) << damaged;
        EXPECT_FALSE(check(ticket_.substr(0, i), expiry_ - seconds{1})) << i;
    }
    EXPECT_FALSE(check(ticket_ + "0", expiry_ - seconds{1}));
}

TEST_F(Ticket, ThatIsNoneIsRefused) {
    for (const char* text :
         {"", ".", "2000000000", "2000000000.", "x.y", "-1.", "99999999999999999999.00", " 1.0"}) {
        EXPECT_FALSE(check(text, expiry_)) << text;
    }
}

}  // namespace
}  // namespace godwit::base
