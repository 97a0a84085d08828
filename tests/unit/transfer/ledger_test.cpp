#include "transfer/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "support/process.h"
#include "support/tree.h"

namespace godwit::transfer {
namespace {

namespace fs = std::filesystem;
using test_support::write_text;
using testing::ElementsAre;
using testing::IsEmpty;

const RequestKey kRequest{"r-1", 7};
const RequestKey kOther{"r-1", 8};  // A later one with the same id.

class LedgerOfFiles : public testing::Test {
protected:
    // A temporary that really lies in the storage path.
    TemporaryPlace place(const std::string& name) const {
        write_text(folder_.path("root/a/" + name), "x");
        return {folder_.path(), folder_.path("root"), "a", name};
    }
    bool exists(const TemporaryPlace& place) const {
        return fs::exists(folder_.path("root/a/" + place.name));
    }
    static bool is_sealed(const std::shared_ptr<Temporary>& temporary) {
        const std::shared_lock lock{temporary->mutex};
        return temporary->sealed;
    }

    test_support::TemporaryFolder folder_;
    Ledger ledger_;
};

TEST_F(LedgerOfFiles, HasOneTemporaryForAllWhoAskForThePlace) {
    const auto first = ledger_.temporary(kRequest, place("a"));

    EXPECT_EQ(ledger_.temporary(kRequest, place("a")), first);
    EXPECT_NE(ledger_.temporary(kRequest, place("b")), first);
    EXPECT_FALSE(is_sealed(first));
}

TEST_F(LedgerOfFiles, KnowsWhichRequestsHaveTemporaries) {
    EXPECT_THAT(ledger_.requests(), IsEmpty());

    ledger_.temporary(kRequest, place("a"));
    ledger_.temporary(kRequest, place("b"));
    ledger_.temporary(kOther, place("c"));

    EXPECT_THAT(ledger_.requests(), ElementsAre(kRequest, kOther));
}

TEST_F(LedgerOfFiles, ForgetsARequestWithItsLastTemporary) {
    ledger_.temporary(kRequest, place("a"));
    ledger_.temporary(kRequest, place("b"));

    ledger_.retire(kRequest, place("a"));
    EXPECT_THAT(ledger_.requests(), ElementsAre(kRequest));
    ledger_.retire(kRequest, place("b"));
    EXPECT_THAT(ledger_.requests(), IsEmpty());
}

TEST_F(LedgerOfFiles, RemembersWhatWasSealedForThoseWhoComeLate) {
    const auto temporary = ledger_.temporary(kRequest, place("a"));
    temporary->sealed = true;
    ledger_.retire(kRequest, place("a"));
    ledger_.retire(kRequest, place("a"));
    ledger_.retire(kOther, place("b"));

    EXPECT_EQ(ledger_.temporary(kRequest, place("a")), temporary);
    EXPECT_THAT(ledger_.requests(), IsEmpty()) << "it is the request's again";
}

TEST_F(LedgerOfFiles, WhatIsWrittenInPlaceIsOpenToTheNextPlanWhenThisOneIsSealed) {
    const TemporaryPlace first{"/s", "/s", "", "file", true, 1};
    TemporaryPlace second = first;
    second.plan = 2;
    const auto sealed = ledger_.temporary(kRequest, first);
    ledger_.retire(kRequest, first);

    EXPECT_EQ(ledger_.temporary(kRequest, first), sealed);
    EXPECT_NE(ledger_.temporary(kOther, second), sealed);
}

TEST_F(LedgerOfFiles, RemembersMuchButNotEverything) {
    const TemporaryPlace first{"/s", "/s", "", "first"};
    const auto temporary = ledger_.temporary(kRequest, first);
    ledger_.retire(kRequest, first);
    const auto retire_others = [&](int from, int count) {
        for (int i = from; i < from + count; ++i) {
            const TemporaryPlace other{"/s", "/s", "", std::to_string(i)};
            ledger_.temporary(kRequest, other);
            ledger_.retire(kRequest, other);
        }
    };

    retire_others(0, 1'000);
    EXPECT_EQ(ledger_.temporary(kRequest, first), temporary);
    retire_others(1'000, 50'000);
    EXPECT_NE(ledger_.temporary(kRequest, first), temporary) << "its memory has no bound";
}

TEST_F(LedgerOfFiles, RemovesAndSealsTheTemporariesOfARequestThatHasEnded) {
    const TemporaryPlace mine = place("mine");
    const TemporaryPlace also_mine = place("also-mine");
    const TemporaryPlace anothers = place("another's");
    const auto temporary = ledger_.temporary(kRequest, mine);
    ledger_.temporary(kRequest, also_mine);
    ledger_.temporary(kOther, anothers);

    ledger_.clean(kRequest);

    EXPECT_FALSE(exists(mine));
    EXPECT_FALSE(exists(also_mine));
    EXPECT_TRUE(exists(anothers));
    EXPECT_TRUE(is_sealed(temporary));
    EXPECT_TRUE(is_sealed(ledger_.temporary(kRequest, mine))) << "it could be made anew";
    EXPECT_THAT(ledger_.requests(), ElementsAre(kOther));
}

TEST_F(LedgerOfFiles, LeavesWhatWasPublishedAlone) {
    const TemporaryPlace published = place("published");
    ledger_.temporary(kRequest, published)->sealed = true;  // The name may be another's by now.

    ledger_.clean(kRequest);

    EXPECT_TRUE(exists(published));
}

TEST_F(LedgerOfFiles, CleansTheRestThoughSomeCannotBeRemoved) {
    ledger_.temporary(kRequest, {folder_.path("gone"), folder_.path("gone"), "", "a"});
    ledger_.temporary(kRequest, {folder_.path(), folder_.path("root"), "no/folder", "a"});
    const TemporaryPlace good = place("z");
    ledger_.temporary(kRequest, good);

    ledger_.clean(kRequest);

    EXPECT_FALSE(exists(good));
    EXPECT_THAT(ledger_.requests(), IsEmpty());
}

TEST_F(LedgerOfFiles, RemovesNothingThatIsBeingWritten) {
    const TemporaryPlace written = place("written");
    const auto temporary = ledger_.temporary(kRequest, written);
    std::jthread cleaner;
    {
        const std::shared_lock writing{temporary->mutex};
        cleaner = std::jthread{[&] { ledger_.clean(kRequest); }};
        ASSERT_TRUE(test_support::eventually([&] { return ledger_.requests().empty(); }));

        EXPECT_TRUE(exists(written));
        EXPECT_FALSE(temporary->sealed);
    }
    cleaner.join();

    EXPECT_FALSE(exists(written));
}

}  // namespace
}  // namespace godwit::transfer
