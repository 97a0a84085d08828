#include "model/sync_patch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace godwit::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<FieldError> errors_of(std::string_view body) {
    return parse_sync_patch(body).errors;
}

std::vector<std::string> messages_of(std::string_view body) {
    std::vector<std::string> texts;
    for (const FieldError& error : errors_of(body)) {
        std::string place;
        for (const std::string& part : error.location) place += (place.empty() ? "" : ".") + part;
        texts.push_back(place + ": " + error.message);
    }
    return texts;
}

TEST(SyncPatch, EveryChangeableOptionIsTaken) {
    const auto parsed = parse_sync_patch(
        R"({"options":{"priority":-5,"max_workers":2,"bandwidth_limit_mbps":800,"max_failures":9}})");

    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(*parsed.document, (SyncPatch{-5, 2, 800, 9}));
}

TEST(SyncPatch, WhatIsNotGivenIsNotSet) {
    for (const char* body :
         {"{}", R"({"options":{}})", R"({"options":null})", R"({"options":{"priority":null}})"}) {
        const auto parsed = parse_sync_patch(body);
        ASSERT_TRUE(parsed.ok()) << body;
        EXPECT_EQ(*parsed.document, SyncPatch{}) << body;
    }
    EXPECT_EQ(parse_sync_patch(R"({"options":{"max_workers":0}})").document->max_workers, 0);
}

TEST(SyncPatch, AppliedItChangesWhatIsSetAndNothingElse) {
    SyncRequest request;
    request.id = "r";
    request.options.priority = 1;
    request.options.max_workers = 2;
    request.options.max_failures = 3;
    request.options.hardlinks = true;
    SyncPatch patch;
    patch.priority = -9;
    patch.max_failures = 0;

    const SyncRequest changed = apply(patch, request);

    request.options.priority = -9;
    request.options.max_failures = 0;
    EXPECT_EQ(changed, request);
}

TEST(SyncPatch, OptionsThatAreFixedSaySo) {
    const auto errors =
        errors_of(R"({"options":{"compare":"size","delete":"after","priority":1}})");

    ASSERT_EQ(errors.size(), 2u);
    for (const FieldError& error : errors) {
        EXPECT_EQ(error.type, "unchangeable");
        EXPECT_THAT(error.message,
                    HasSubstr("cannot be changed while the request lives (these options can: "
                              "priority, max_workers, bandwidth_limit_mbps, max_failures)"));
    }
    EXPECT_THAT(errors[0].location, ElementsAre("body", "options", "compare"));
}

TEST(SyncPatch, MembersOfTheRequestThatAreFixedSaySo) {
    EXPECT_THAT(
        messages_of(R"({"source_path":"/x","file_list":["a"],"chunk_size_mb":1,"options":{}})"),
        ElementsAre(HasSubstr("body.chunk_size_mb: cannot be changed"),
                    HasSubstr("body.file_list: cannot be changed"),
                    HasSubstr("body.source_path: cannot be changed")));
}

TEST(SyncPatch, UnknownNamesAreToldFromFixedOnes) {
    EXPECT_THAT(messages_of(R"({"priority":1,"options":{"priorty":1}})"),
                ElementsAre("body.options.priorty: unknown field 'priorty', did you mean "
                            "'priority'?",
                            HasSubstr("body.priority: unknown field 'priority'")));
}

TEST(SyncPatch, ValuesAreCheckedAsInARequest) {
    EXPECT_THAT(messages_of(R"({"options":{"priority":"5","max_workers":-1,)"
                            R"("bandwidth_limit_mbps":1.5,"max_failures":true}})"),
                ElementsAre(HasSubstr("priority: expected an integer in -1000..1000, got '5'"),
                            HasSubstr("max_workers: expected an integer in 0..100000, got -1"),
                            HasSubstr("bandwidth_limit_mbps: expected an integer"),
                            HasSubstr("max_failures: expected an integer")));
    EXPECT_THAT(messages_of("[]"), ElementsAre("body: expected an object, got a list"));
    EXPECT_THAT(messages_of(R"({"options":5})"),
                ElementsAre("body.options: expected an object, got 5"));
    EXPECT_THAT(messages_of("{"), ElementsAre(HasSubstr("line 1")));
}

}  // namespace
}  // namespace godwit::model
