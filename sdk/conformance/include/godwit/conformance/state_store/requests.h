// Conformance of StateStore: create, get, list, remove.
#pragma once

#include <algorithm>

#include "godwit/conformance/state_store/fixture.h"

namespace godwit::conformance {

class StateStoreRequests : public StateStoreFixture {
protected:
    // The ids out of `mine` in the order in which list() shows them, each as often as it does.
    std::vector<std::string> listed(const std::vector<std::string>& mine, std::size_t limit,
                                    const sdk::RequestFilter& filter = {}) {
        std::vector<std::string> found;
        std::string cursor;
        do {
            auto page = store_->list(filter, cursor, limit);
            EXPECT_TRUE(page) << page.error().message;
            if (!page) break;
            EXPECT_LE(page->requests.size(), limit);
            for (const sdk::Request& request : page->requests) {
                if (std::find(mine.begin(), mine.end(), request.id) != mine.end()) {
                    found.push_back(request.id);
                }
            }
            cursor = page->next;
        } while (!cursor.empty());
        return found;
    }

    std::vector<std::string> create_many(std::size_t count) {
        std::vector<std::string> ids;
        for (std::size_t i = 0; i < count; ++i) {
            ids.push_back(fresh_id("listed"));
            EXPECT_TRUE(store_->create(new_request(ids.back())));
        }
        return ids;
    }
};

TEST_P(StateStoreRequests, ACreatedRequestReadsBackAsItWasGiven) {
    using namespace std::string_literals;
    sdk::NewRequest request = new_request(id_);
    request.generation = 0xFFFF'FFFF'FFFF'FFFF;
    request.fingerprint = "\x01\xff\0fingerprint"s;
    request.document = "{\"a\":\"\0\r\n\xff\"}"s;
    request.source_path = "/s/\xff name";
    request.destination_path = "/d/\n";
    request.priority = -7;
    request.units = {listing("/")};

    auto reply = store_->create(request);

    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_TRUE(reply->created);
    for (const sdk::Request& read : {reply->request, get()}) {
        EXPECT_EQ(read.id, id_);
        EXPECT_EQ(read.generation, request.generation);
        EXPECT_EQ(read.fingerprint, request.fingerprint);
        EXPECT_EQ(read.document, request.document);
        EXPECT_EQ(read.source_path, request.source_path);
        EXPECT_EQ(read.destination_path, request.destination_path);
        EXPECT_EQ(read.priority, -7);
        EXPECT_EQ(read.state, sdk::RequestState::Queued);
        EXPECT_EQ(read.reason, "");
        EXPECT_GT(read.created_at, sdk::WallTime{});
        EXPECT_GE(read.updated_at, read.created_at);
        EXPECT_FALSE(read.started_at);
        EXPECT_FALSE(read.finished_at);
        EXPECT_EQ(read.counters, sdk::Counters{});
        EXPECT_EQ(read.error_count, 0u);
        EXPECT_EQ(read.backlog.pending_of(sdk::UnitKind::Listing), 1u);
        EXPECT_EQ(read.backlog.outstanding(), 1u);
        EXPECT_TRUE(read.holders.empty());
        EXPECT_TRUE(read.detail.empty());
    }
    EXPECT_EQ(reply->request.revision, get().revision);
}

TEST_P(StateStoreRequests, CreatingTwiceGivesTheFirstOneAgain) {
    create({listing("/")});
    const sdk::Request first = get();
    sdk::NewRequest again = new_request(id_, {listing("/")});
    again.generation = 2;

    auto reply = store_->create(again);

    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_FALSE(reply->created);
    EXPECT_EQ(reply->request.generation, first.generation);
    EXPECT_EQ(reply->request.revision, first.revision);
    EXPECT_EQ(get().backlog.outstanding(), 1u);
}

TEST_P(StateStoreRequests, CreatingWithAnotherFingerprintIsAConflictAndChangesNothing) {
    create();
    sdk::NewRequest other = new_request(id_, {listing("/")});
    other.fingerprint = "another";

    const auto reply = store_->create(other);

    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, sdk::Code::Conflict);
    EXPECT_EQ(get().fingerprint, "fingerprint");
    EXPECT_EQ(get().backlog.outstanding(), 0u);
}

TEST_P(StateStoreRequests, AnUnknownRequestIsNotFoundByEveryOperation) {
    const sdk::LeaseRef lease{1, {1, 1}};
    const std::vector<sdk::Completion> completions{{lease, {}}};
    const std::vector<sdk::LeaseRef> leases{lease};
    sdk::Failure failure;
    failure.lease = lease;
    failure.worker = worker_;
    const std::vector<sdk::Failure> failures{failure};

    const auto read = store_->get(id_);
    const auto moved = store_->transition(id_, 1, {});
    const auto errors = store_->errors(id_, "", 10);
    const auto claimed = store_->claim(id_, claim_spec());
    const auto reaped = store_->reap(id_, {});
    const auto completed = store_->complete(id_, completions);
    const auto failed = store_->fail(id_, failures);
    const auto renewed = store_->renew(id_, leases, kLongLease);
    const auto held = store_->leases(id_, worker_);

    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, sdk::Code::NotFound);
    ASSERT_FALSE(moved);
    EXPECT_EQ(moved.error().code, sdk::Code::NotFound);
    ASSERT_FALSE(errors);
    EXPECT_EQ(errors.error().code, sdk::Code::NotFound);
    ASSERT_FALSE(claimed);
    EXPECT_EQ(claimed.error().code, sdk::Code::NotFound);
    ASSERT_FALSE(reaped);
    EXPECT_EQ(reaped.error().code, sdk::Code::NotFound);
    ASSERT_TRUE(completed);
    EXPECT_EQ(*completed, std::vector{sdk::Outcome::NotFound});
    ASSERT_TRUE(failed);
    ASSERT_EQ(failed->size(), 1u);
    EXPECT_EQ(failed->front().outcome, sdk::Outcome::NotFound);
    ASSERT_TRUE(renewed);
    EXPECT_EQ(*renewed, std::vector{sdk::Outcome::NotFound});
    ASSERT_TRUE(held);
    EXPECT_TRUE(held->empty());
}

TEST_P(StateStoreRequests, IdsOutsideOfTheAlphabetAreRefused) {
    using namespace std::string_literals;
    const std::vector<std::string> bad{
        "", std::string(129, 'a'), "a b", "a/b", "a{b}c", "a\0b"s, "\xc3\xa9", "a\n"};
    for (const std::string& id : bad) {
        const auto reply = store_->create(new_request(id));

        ASSERT_FALSE(reply) << "took the id '" << id << "'";
        EXPECT_EQ(reply.error().code, sdk::Code::InvalidArgument);
        EXPECT_FALSE(store_->get(id));
    }
}

TEST_P(StateStoreRequests, IdsOfTheWholeAlphabetAndLengthAreTaken) {
    std::string id = fresh_id("ABYZ._:-azm09");
    id.resize(128, ':');
    id_ = id;
    create({chunk("one")});

    EXPECT_EQ(get().id, id);
    EXPECT_EQ(complete(claim_one().ref), sdk::Outcome::Applied);
    EXPECT_TRUE(store_->remove(id));
}

TEST_P(StateStoreRequests, ARemovedRequestIsGoneWithAllThatBelongedToIt) {
    create(chunks(2));
    exhaust(claim_one());
    claim_one();

    ASSERT_TRUE(store_->remove(id_));
    ASSERT_TRUE(store_->remove(id_));

    ASSERT_FALSE(store_->get(id_));
    EXPECT_EQ(store_->get(id_).error().code, sdk::Code::NotFound);
    sdk::NewRequest another = new_request(id_);
    another.fingerprint = "another";
    auto reply = store_->create(another);
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_TRUE(reply->created);
    EXPECT_EQ(reply->request.error_count, 0u);
    EXPECT_EQ(reply->request.counters, sdk::Counters{});
    EXPECT_EQ(reply->request.backlog.outstanding(), 0u);
    EXPECT_TRUE(reply->request.holders.empty());
    EXPECT_TRUE(errors().empty());
    EXPECT_TRUE(store_->leases(id_, worker_)->empty());
}

TEST_P(StateStoreRequests, ALeaseOfARemovedRequestDoesNotTouchItsSuccessor) {
    create(chunks(1));
    const sdk::Lease old = claim_one();
    ASSERT_TRUE(store_->remove(id_));
    create(chunks(1));
    const sdk::Lease current = claim_one();

    EXPECT_NE(old.ref.token, current.ref.token);
    EXPECT_EQ(complete(old.ref), sdk::Outcome::LeaseLost);
    EXPECT_EQ(renew(old.ref), sdk::Outcome::LeaseLost);
    EXPECT_EQ(fail(failure_of(old)).outcome, sdk::Outcome::LeaseLost);
    EXPECT_EQ(complete(current.ref), sdk::Outcome::Applied);
}

TEST_P(StateStoreRequests, EveryRequestIsListedOnceOldestFirst) {
    const std::vector<std::string> ids = create_many(11);

    EXPECT_EQ(listed(ids, 1), ids);
    EXPECT_EQ(listed(ids, 4), ids);
    EXPECT_EQ(listed(ids, 1000), ids);
}

TEST_P(StateStoreRequests, ARepeatedCreateIsNotListedTwice) {
    const std::vector<std::string> ids = create_many(2);
    ASSERT_TRUE(store_->create(new_request(ids[0])));

    EXPECT_EQ(listed(ids, 1), ids);
}

TEST_P(StateStoreRequests, TheListCanBeFilteredByState) {
    const std::vector<std::string> ids = create_many(3);
    sdk::Transition change;
    change.to = sdk::RequestState::Progress;
    ASSERT_TRUE(store_->transition(ids[1], store_->get(ids[1])->revision, change));
    change.to = sdk::RequestState::Failed;
    ASSERT_TRUE(store_->transition(ids[2], store_->get(ids[2])->revision, change));

    using enum sdk::RequestState;
    EXPECT_EQ(listed(ids, 10, {{Queued}}), std::vector{ids[0]});
    EXPECT_EQ(listed(ids, 10, {{Progress}}), std::vector{ids[1]});
    EXPECT_EQ(listed(ids, 10, {{Failed}}), std::vector{ids[2]});
    EXPECT_EQ(listed(ids, 1, {{Progress, Queued}}), (std::vector{ids[0], ids[1]}));
    EXPECT_EQ(listed(ids, 10, {{Failed, Queued}}), (std::vector{ids[0], ids[2]}));
    EXPECT_TRUE(listed(ids, 10, {{Paused}}).empty());
}

TEST_P(StateStoreRequests, ARequestThatBecomesActiveAgainIsListedAsSuch) {
    const std::vector<std::string> ids = create_many(1);
    id_ = ids[0];
    transition_to(sdk::RequestState::Failed);
    EXPECT_TRUE(listed(ids, 10, {{sdk::RequestState::Queued}}).empty());

    transition_to(sdk::RequestState::Queued);

    EXPECT_EQ(listed(ids, 10, {{sdk::RequestState::Queued}}), ids);
    EXPECT_EQ(listed(ids, 10), ids);
}

TEST_P(StateStoreRequests, AListGoesOnAroundWhatIsRemovedAndCreatedBetweenItsPages) {
    const std::vector<std::string> ids = create_many(8);
    std::vector<std::string> seen;
    std::string cursor;
    bool disturbed = false;
    do {
        auto page = store_->list({}, cursor, 2);
        ASSERT_TRUE(page) << page.error().message;
        for (const sdk::Request& request : page->requests) seen.push_back(request.id);
        cursor = page->next;
        if (!disturbed && std::find(seen.begin(), seen.end(), ids[0]) != seen.end()) {
            disturbed = true;
            ASSERT_TRUE(store_->remove(ids[0]));
            ASSERT_TRUE(store_->remove(ids[5]));
            create_many(1);
        }
    } while (!cursor.empty());

    for (const std::size_t lasting : {1u, 2u, 3u, 4u, 6u, 7u}) {
        EXPECT_EQ(std::count(seen.begin(), seen.end(), ids[lasting]), 1) << "request " << lasting;
    }
}

TEST_P(StateStoreRequests, ForeignCursorsAreRefused) {
    create();

    for (const std::string cursor : {"nonsense", "-1", "1x", " ", "\xff"}) {
        const auto page = store_->list({}, cursor, 10);
        ASSERT_FALSE(page) << "took the cursor '" << cursor << "'";
        EXPECT_EQ(page.error().code, sdk::Code::InvalidArgument);
        const auto errors = store_->errors(id_, cursor, 10);
        ASSERT_FALSE(errors) << "took the cursor '" << cursor << "'";
        EXPECT_EQ(errors.error().code, sdk::Code::InvalidArgument);
    }
}

TEST_P(StateStoreRequests, TheStoreSaysThatItWorks) {
    EXPECT_TRUE(store_->ping());
    EXPECT_GE(store_->info().batch_max, 16u);
}

TEST_P(StateStoreRequests, AnAttachmentIsKeptWithItsRequest) {
    using namespace std::string_literals;
    sdk::NewRequest request = new_request(id_);
    request.attachment = "\0list\xff"s + std::string(3 << 20, 'x');
    ASSERT_TRUE(store_->create(request));
    transition_to(sdk::RequestState::Failed);

    const auto attachment = store_->attachment(id_);

    ASSERT_TRUE(attachment) << attachment.error().message;
    EXPECT_EQ(*attachment, request.attachment);
    ASSERT_TRUE(store_->remove(id_));
    const auto gone = store_->attachment(id_);
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().code, sdk::Code::NotFound);
}

TEST_P(StateStoreRequests, ARequestWithoutAnAttachmentHasAnEmptyOne) {
    create();

    const auto attachment = store_->attachment(id_);

    ASSERT_TRUE(attachment) << attachment.error().message;
    EXPECT_EQ(*attachment, "");
}

TEST_P(StateStoreRequests, AnAttachmentThatIsTooLongIsRefused) {
    sdk::NewRequest request = new_request(id_);
    request.attachment.assign(sdk::kAttachmentBytesMax + 1, 'x');

    const auto reply = store_->create(request);

    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, sdk::Code::InvalidArgument);
}

}  // namespace godwit::conformance
