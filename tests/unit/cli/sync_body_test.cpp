#include "cli/sync_body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "model/sync_patch.h"
#include "model/sync_request.h"

namespace godwit::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Names = std::vector<std::string>;

// What a master reads out of the body for this command line.
model::SyncRequest request_of(std::vector<std::string> words,
                              const std::optional<Names>& files = {}) {
    words.insert(words.begin(), "sync");
    const auto line = parse_command_line(words);
    if (!line) {
        ADD_FAILURE() << line.error().message;
        return {};
    }
    const auto body = sync_body(*line, "r-1", files);
    if (!body) {
        ADD_FAILURE() << body.error().message;
        return {};
    }
    const auto parsed = model::parse_sync_request(*body);
    if (!parsed.ok()) {
        ADD_FAILURE() << parsed.errors.front().message << "\n" << *body;
        return {};
    }
    return *parsed.document;
}

Names names_in(const std::string& text, char end = '\n') {
    std::istringstream input{text};
    const auto names = read_names(input, end);
    return names ? *names : Names{"refused: " + names.error().message};
}

TEST(SyncBody, WithoutOptionsIsThePlainRequest) {
    const auto request = request_of({"/a/x", "/b/"});

    EXPECT_EQ(request.id, "r-1");
    EXPECT_EQ(request.source_path, "/a/x");
    EXPECT_EQ(request.destination_path, "/b");
    EXPECT_TRUE(request.destination_slash);
    EXPECT_EQ(request.options, model::RequestOptions{});
    EXPECT_FALSE(request.file_list);
}

TEST(SyncBody, CarriesWhatTheFlagsAskFor) {
    const auto request = request_of({"/a", "/b", "--delete", "--max-delete=7%", "--checksum", "-H",
                                     "--no-sparse", "--priority", "-3", "--max-size=1K",
                                     "--chunk-size-mb=8", "--exclude=*.o", "--include=x"});

    model::RequestOptions expected;
    expected.delete_surplus = model::Delete::After;
    expected.max_delete = {7, true};
    expected.compare = model::Compare::Checksum;
    expected.hardlinks = true;
    expected.sparse = false;
    expected.priority = -3;
    expected.max_size_bytes = 1024;
    expected.filters = {"- *.o", "+ x"};
    EXPECT_EQ(request.options, expected);
    EXPECT_EQ(request.chunk_size_mb, 8u);
}

TEST(SyncBody, BytesThatAreNotUtf8ArriveAsTheyAre) {
    const auto request =
        request_of({"/a\xFF", "/b\xFE", "--exclude=\xFD*"}, Names{"x\xFC", "plain"});

    EXPECT_EQ(request.source_path, "/a\xFF");
    EXPECT_EQ(request.destination_path, "/b\xFE");
    EXPECT_THAT(request.options.filters, ElementsAre("- \xFD*"));
    EXPECT_THAT(request.files, ElementsAre("plain", "x\xFC"));
}

TEST(SyncBody, NamesKeepWhatJsonWouldTakeForItsOwn) {
    const Names names{"a\"b", "back\\slash", "new\nline", "tab\t", "\x01", "\x7F"};

    EXPECT_THAT(request_of({"/a", "/b"}, names).files, testing::UnorderedElementsAreArray(names));
}

TEST(SyncBody, AnEmptyListIsSentForTheMasterToRefuse) {
    const auto line = parse_command_line({"sync", "/a", "/b"});

    EXPECT_THAT(*sync_body(*line, "r", Names{}), HasSubstr("\"file_list\":[]"));
}

TEST(SyncBody, ThatNoMasterTakesIsNotSent) {
    const auto line = parse_command_line({"sync", "/a", "/b"});
    const Names names(100, std::string(1 << 17, 'x'));

    const auto body = sync_body(*line, "r", names);

    ASSERT_FALSE(body);
    EXPECT_THAT(body.error().message, HasSubstr("a master takes 8.0 MiB: split the list of files"));
}

TEST(NamesInAList, StandOneALine) {
    EXPECT_THAT(names_in("a\nb c\n\n#x\n;y\n last"), ElementsAre("a", "b c", "#x", ";y", " last"));
    EXPECT_THAT(names_in("a\r\n\r\nb\rc\n"), ElementsAre("a", "b\rc"));
    EXPECT_THAT(names_in(""), IsEmpty());
}

TEST(NamesInAList, EndWithANulWhereAsked) {
    EXPECT_THAT(names_in(std::string{"a\nb\0\0c\r\0", 8}, '\0'), ElementsAre("a\nb", "c\r"));
}

TEST(NamesInAList, WithANulInALineAreRefused) {
    EXPECT_THAT(names_in(std::string{"x\na\0b", 5}),
                ElementsAre(HasSubstr("line 2 of the list has a NUL byte: is --from0 missing?")));
}

TEST(NamesInAList, ComeFromAFileThatCanBeRead) {
    const auto missing = read_files_from("/nonexistent/list", false);
    ASSERT_FALSE(missing);
    EXPECT_THAT(missing.error().message, HasSubstr("'/nonexistent/list': No such file"));
    EXPECT_FALSE(read_files_from("/", false)) << "a directory";
}

TEST(PatchBody, IsWhatAMasterReads) {
    const auto body = patch_body(Names{"priority=-5", "max_workers=2"});

    ASSERT_TRUE(body);
    const auto patch = model::parse_sync_patch(*body);
    ASSERT_TRUE(patch.ok()) << *body;
    EXPECT_EQ(patch.document->priority, -5);
    EXPECT_EQ(patch.document->max_workers, 2u);
}

TEST(PatchBody, NeedsNamesAndValues) {
    EXPECT_THAT(patch_body(Names{"priority"}).error().message,
                HasSubstr("expected NAME=VALUE, got 'priority'"));
    EXPECT_FALSE(patch_body(Names{"=5"}));
    EXPECT_FALSE(patch_body(Names{"priority=1", "priority=2"}));
}

}  // namespace
}  // namespace godwit::cli
