#include "model/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "model/json.h"
#include "model/writer.h"

namespace godwit::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Read {
    RequestOptions options;
    std::vector<std::string> errors;  // "place: message"
};

Read read(const std::string& members) {
    Read result;
    std::vector<FieldError> errors;
    const auto json = parse_json("{" + members + "}");
    if (!json) {
        result.errors = {json.error().message};
        return result;
    }
    result.options = read_options(*json, {"options"}, errors);
    for (const FieldError& error : errors) {
        std::string place;
        for (const std::string& part : error.location) place += (place.empty() ? "" : ".") + part;
        result.errors.push_back(place + ": " + error.message);
    }
    return result;
}

std::vector<std::string> errors_of(const std::string& members) {
    return read(members).errors;
}

std::string print(const RequestOptions& options) {
    Writer json;
    json.object([&] { write_options(json, options); });
    return std::move(json).text();
}

RequestOptions everything_else_than_the_default() {
    RequestOptions options;
    options.filters = {"+ */", "- *.o"};
    options.min_size_bytes = 1;
    options.max_size_bytes = 2;
    options.modified_after_ms = 1'000;
    options.modified_before_ms = 2'500;
    options.symlinks = Symlinks::Follow;
    options.special = Special::Copy;
    options.copy_root = true;
    options.dry_run = true;
    options.compare = Compare::Always;
    options.delete_surplus = Delete::After;
    options.max_delete = {17, false};
    options.replace_type = true;
    options.hardlinks = true;
    options.xattrs = true;
    options.acls = true;
    options.atime = true;
    options.sparse = false;
    options.inplace = true;
    options.durability = Durability::FileAndDirectory;
    options.verify = Verify::None;
    options.priority = -7;
    options.max_workers = 3;
    options.bandwidth_limit_mbps = 100;
    options.max_attempts = 4;
    options.max_failures = 5;
    options.mount_wait_seconds = 6;
    return options;
}

// Fails, too, when the struct gets a member that is not printed, or not read.
TEST(RequestOptions, EveryMemberSurvivesPrintingAndReading) {
    const RequestOptions options = everything_else_than_the_default();
    const std::string text = print(options);

    const Read again = read(text.substr(1, text.size() - 2));

    EXPECT_THAT(again.errors, IsEmpty());
    EXPECT_EQ(again.options, options) << text;
}

TEST(RequestOptions, NothingGivenIsTheDefaults) {
    EXPECT_EQ(read("").options, RequestOptions{});
    EXPECT_EQ(read(R"("filters":null,"delete":null,"max_delete":null,"min_size_bytes":null,)"
                   R"("modified_after":null,"sparse":null,"priority":null)")
                  .options,
              RequestOptions{});
}

TEST(RequestOptions, DefaultsAreWrittenOutInAFixedOrder) {
    EXPECT_EQ(
        print({}),
        R"({"filters":[],"min_size_bytes":null,"max_size_bytes":null,"modified_after":null,)"
        R"("modified_before":null,"symlinks":"preserve","special":"skip","copy_root":false,)"
        R"("dry_run":false,"compare":"size_mtime","delete":"none","max_delete":"50%",)"
        R"("replace_type":false,"hardlinks":false,"xattrs":false,"acls":false,"atime":false,)"
        R"("sparse":true,"inplace":false,"durability":"none","verify":"transfer","priority":0,)"
        R"("max_workers":0,"bandwidth_limit_mbps":0,"max_attempts":0,"max_failures":0,)"
        R"("mount_wait_seconds":0})");
}

TEST(RequestOptions, EveryWordIsReadAsItself) {
    EXPECT_EQ(read(R"("compare":"size_mtime")").options.compare, Compare::SizeMtime);
    EXPECT_EQ(read(R"("compare":"size")").options.compare, Compare::Size);
    EXPECT_EQ(read(R"("compare":"checksum")").options.compare, Compare::Checksum);
    EXPECT_EQ(read(R"("compare":"exists")").options.compare, Compare::Exists);
    EXPECT_EQ(read(R"("compare":"newer")").options.compare, Compare::Newer);
    EXPECT_EQ(read(R"("compare":"always")").options.compare, Compare::Always);
    EXPECT_EQ(read(R"("delete":"after")").options.delete_surplus, Delete::After);
    EXPECT_EQ(read(R"("durability":"file")").options.durability, Durability::File);
    EXPECT_EQ(read(R"("symlinks":"skip")").options.symlinks, Symlinks::Skip);
    EXPECT_EQ(read(R"("verify":"readback")").options.verify, Verify::Readback);
}

TEST(RequestOptions, UnknownWordsAreRefusedWithThoseThatAreKnown) {
    EXPECT_THAT(errors_of(R"("compare":"mtime","delete":true,"special":1)"),
                ElementsAre("options.special: expected one of 'skip' 'copy', got 1",
                            "options.compare: expected one of 'size_mtime' 'size' 'checksum' "
                            "'exists' 'newer' 'always', got 'mtime'",
                            "options.delete: expected one of 'none' 'after', got true"));
}

TEST(RequestOptions, UnknownMembersAreRefusedWithTheNearestName) {
    EXPECT_THAT(errors_of(R"("max_delet":1,"delete_surplus":"after","hardlink":true)"),
                ElementsAre("options.delete_surplus: unknown field 'delete_surplus', did you mean "
                            "'delete'?",
                            "options.hardlink: unknown field 'hardlink', did you mean "
                            "'hardlinks'?",
                            "options.max_delet: unknown field 'max_delet', did you mean "
                            "'max_delete'?"));
}

TEST(RequestOptions, TruthIsNeverGuessed) {
    for (const char* name : {"copy_root", "dry_run", "replace_type", "hardlinks", "xattrs", "acls",
                             "atime", "sparse", "inplace"}) {
        for (const char* value : {"1", "0", "\"true\"", "\"yes\"", "[]"}) {
            EXPECT_THAT(errors_of("\"" + std::string{name} + "\":" + value),
                        ElementsAre(HasSubstr(std::string{name} + ": expected true or false")))
                << value;
        }
    }
}

TEST(RequestOptions, NumbersHaveBounds) {
    EXPECT_THAT(errors_of(R"("priority":1001,"max_workers":-1,"bandwidth_limit_mbps":1000000001,)"
                          R"("max_attempts":1001,"max_failures":-1,"mount_wait_seconds":2592001,)"
                          R"("min_size_bytes":-1,"max_size_bytes":1.5)"),
                ElementsAre(HasSubstr("min_size_bytes: expected an integer in 0.."),
                            HasSubstr("max_size_bytes: expected an integer in 0.."),
                            HasSubstr("priority: expected an integer in -1000..1000, got 1001"),
                            HasSubstr("max_workers: expected an integer in 0..100000, got -1"),
                            HasSubstr("bandwidth_limit_mbps: expected an integer in 0..1000000000"),
                            HasSubstr("max_attempts: expected an integer in 0..1000"),
                            HasSubstr("max_failures: expected an integer in 0.."),
                            HasSubstr("mount_wait_seconds: expected an integer in 0..2592000")));
}

TEST(RequestOptions, MaxDeleteIsACountOrAShare) {
    EXPECT_EQ(read(R"("max_delete":0)").options.max_delete, (DeleteLimit{0, false}));
    EXPECT_EQ(read(R"("max_delete":100000)").options.max_delete, (DeleteLimit{100'000, false}));
    EXPECT_EQ(read(R"("max_delete":"0%")").options.max_delete, (DeleteLimit{0, true}));
    EXPECT_EQ(read(R"("max_delete":"100%")").options.max_delete, (DeleteLimit{100, true}));
    for (const char* value : {"-1", "1.5", "true", "\"50\"", "\"101%\"", "\"%\"", "\"-5%\"",
                              "\"+5%\"", "\" 5%\"", "\"5 %\"", "\"5.5%\"", "\"\"", "[50]",
                              "\"99999999999999999999%\"", "18446744073709551615"}) {
        EXPECT_THAT(errors_of("\"max_delete\":" + std::string{value}),
                    ElementsAre(HasSubstr("options.max_delete: expected a whole number of entries, "
                                          "or a share of them from '0%' to '100%', got ")))
            << value;
    }
}

TEST(RequestOptions, TimesAreThoseOfRfc3339InMilliseconds) {
    const Read taken = read(
        R"("modified_after":"1970-01-01T00:00:01.25Z","modified_before":"1970-01-01T02:00:02+02:00")");

    EXPECT_THAT(taken.errors, IsEmpty());
    EXPECT_EQ(taken.options.modified_after_ms, 1'250);
    EXPECT_EQ(taken.options.modified_before_ms, 2'000);
    EXPECT_THAT(print(taken.options), HasSubstr(R"("modified_after":"1970-01-01T00:00:01.250Z")"));
}

// Times of files are nanoseconds in 64 bits: what does not fit there could not be compared.
TEST(RequestOptions, OtherTimesAreRefused) {
    for (const char* value : {"\"yesterday\"", "\"2026-11-24\"", "\"2026-11-24T09:30:00\"", "1234",
                              "\"1677-01-01T00:00:00Z\"", "\"2263-01-01T00:00:00Z\"",
                              "\"0000-01-01T00:00:00+01:00\"", "\"9999-12-31T23:59:59-01:00\""}) {
        EXPECT_THAT(errors_of("\"modified_before\":" + std::string{value}),
                    ElementsAre(HasSubstr("options.modified_before: expected a time like "
                                          "'2026-11-24T09:30:00Z' (RFC 3339)")))
            << value;
    }
}

TEST(RequestOptions, FiltersKeepTheirOrder) {
    EXPECT_THAT(read(R"("filters":["- *.tmp","+ */","+ *.txt","- *","- *.tmp"])").options.filters,
                ElementsAre("- *.tmp", "+ */", "+ *.txt", "- *", "- *.tmp"));
}

TEST(RequestOptions, FiltersThatAreNoRulesAreRefusedByIndex) {
    EXPECT_THAT(errors_of(R"("filters":["*.o","- ok","-*.o","+ ","include x",5,null,["- x"]])"),
                ElementsAre("options.filters.0: a rule begins with '+ ' or '- ', got '*.o'",
                            "options.filters.2: a rule begins with '+ ' or '- ', got '-*.o'",
                            "options.filters.3: a rule needs a pattern behind its sign, got '+ '",
                            "options.filters.4: a rule begins with '+ ' or '- ', got 'include x'",
                            "options.filters.5: expected text, got 5",
                            "options.filters.6: expected text, got nothing",
                            "options.filters.7: expected text, got a list"));
    EXPECT_THAT(
        errors_of(R"("filters":["- a","- [a","+ /"])"),
        ElementsAre(
            "options.filters.1: the class after '[' has no end, got '- [a'",
            "options.filters.2: '/' alone is the root, which no rule can exclude, got '+ /'"));
    EXPECT_THAT(errors_of(R"("filters":"- *.o")"),
                ElementsAre("options.filters: expected a list, got '- *.o'"));
}

TEST(RequestOptions, FiltersThatAreNotUtf8TravelAsBase64) {
    const std::string rule = "- \xFF*";
    const Read taken =
        read(R"("filters":[{"rule_b64":")" + base::to_base64(rule) + R"("},"- plain"])");

    EXPECT_THAT(taken.errors, IsEmpty());
    EXPECT_THAT(taken.options.filters, ElementsAre(rule, "- plain"));
    const std::string text = print(taken.options);
    EXPECT_EQ(read(text.substr(1, text.size() - 2)).options, taken.options) << text;
}

TEST(RequestOptions, FiltersInBase64AreCheckedAsOthersAre) {
    const std::string nul = base::to_base64(std::string_view{"- a\0b", 5});
    EXPECT_THAT(errors_of(R"("filters":[{},{"rule_b64":"!"},{"rule_b64":"Kg=="},{"rule_b64":")" +
                          nul + R"("},{"rule_b64":"LSAq","rule":"- *"}])"),
                ElementsAre("options.filters.0.rule_b64: field required",
                            "options.filters.1.rule_b64: expected base64, got '!'",
                            "options.filters.2: a rule begins with '+ ' or '- ', got '*'",
                            HasSubstr("options.filters.3: no name has a NUL byte"),
                            HasSubstr("options.filters.4.rule: unknown field 'rule'")));
}

std::string filters_of(std::size_t count, std::size_t bytes) {
    std::string members = "\"filters\":[";
    for (std::size_t i = 0; i < count; ++i) {
        members += (i == 0 ? "\"- " : ",\"- ") + std::string(bytes - 2, 'x') + "\"";
    }
    return members + "]";
}

TEST(RequestOptions, FiltersAreBounded) {
    EXPECT_THAT(errors_of(filters_of(1000, 10)), IsEmpty());
    EXPECT_THAT(errors_of(filters_of(1001, 10)),
                ElementsAre("options.filters: has 1001 items, at most 1000 are taken"));
    EXPECT_THAT(errors_of(filters_of(1, 4096)), IsEmpty());
    EXPECT_THAT(errors_of(filters_of(1, 4097)),
                ElementsAre(HasSubstr("options.filters.0: a rule may have up to 4096 bytes")));
    EXPECT_THAT(errors_of(filters_of(32, 4096)), IsEmpty());
    EXPECT_THAT(
        errors_of(filters_of(33, 4096)),
        ElementsAre("options.filters: have 135168 bytes together, at most 131072 are taken"));
}

TEST(RequestOptions, NoMoreErrorsAreListedThanAnAnswerHolds) {
    std::string members = "\"filters\":[0";
    for (int i = 0; i < 900; ++i) members += ",0";

    EXPECT_EQ(errors_of(members + "]").size(), kFieldErrorsMax);
}

TEST(RequestOptions, BoundsThatNoFileMeetsAreRefused) {
    EXPECT_THAT(
        errors_of(R"("min_size_bytes":11,"max_size_bytes":10)"),
        ElementsAre("options.max_size_bytes: no file is both at least 11 bytes (min_size_bytes) "
                    "and at most 10"));
    EXPECT_THAT(errors_of(R"("modified_after":"2026-01-02T00:00:00Z",)"
                          R"("modified_before":"2026-01-01T00:00:00Z")"),
                ElementsAre("options.modified_before: no time is both after modified_after and "
                            "before this"));
}

TEST(RequestOptions, BoundsThatAFileCanMeetAreTaken) {
    EXPECT_THAT(errors_of(R"("min_size_bytes":10,"max_size_bytes":10)"), IsEmpty());
    EXPECT_THAT(errors_of(R"("min_size_bytes":10)"), IsEmpty());
    EXPECT_THAT(errors_of(R"("max_size_bytes":0)"), IsEmpty());
    EXPECT_THAT(errors_of(R"("modified_after":"2026-01-01T00:00:00Z",)"
                          R"("modified_before":"2026-01-01T00:00:00Z")"),
                IsEmpty());
}

TEST(RequestOptions, AWrongBoundIsOneProblemNotTwo) {
    EXPECT_THAT(errors_of(R"("min_size_bytes":11,"max_size_bytes":"10")"),
                ElementsAre(HasSubstr("expected an integer")));
}

}  // namespace
}  // namespace godwit::model
