#include "cli/outcome.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace godwit::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

int code_of(const std::string& state, const std::string& reason = "", int vanished = 0) {
    return exit_code_of(object_in(R"({"state":")" + state + R"(","reason":")" + reason +
                                  R"(","files":{"vanished":)" + std::to_string(vanished) + "}}"));
}

TEST(ExitCode, IsRsyncsWhereRsyncHasOne) {
    EXPECT_EQ(code_of("COMPLETED"), 0);
    EXPECT_EQ(code_of("COMPLETED", "", 3), 24);
    EXPECT_EQ(code_of("COMPLETED_WITH_ERRORS"), 23);
    EXPECT_EQ(code_of("COMPLETED_WITH_ERRORS", "", 3), 23);
    EXPECT_EQ(code_of("CANCELLED"), 20);
    EXPECT_EQ(code_of("FAILED"), 11);
    EXPECT_EQ(code_of("FAILED", "max_failures_exceeded"), 11);
    EXPECT_EQ(code_of("FAILED", "peer_lost"), 11);
}

TEST(ExitCode, TellsThatNothingWasDeleted) {
    EXPECT_EQ(code_of("COMPLETED_WITH_ERRORS", "max_delete_exceeded"), 25);
    EXPECT_EQ(code_of("COMPLETED", "max_delete_exceeded"), 25);
    EXPECT_EQ(code_of("CANCELLED", "max_delete_exceeded"), 20);
    EXPECT_EQ(code_of("COMPLETED_WITH_ERRORS", "delete_skipped"), 23);
}

TEST(ExitCode, TellsOfBadPaths) {
    for (const char* reason :
         {"source_missing", "dest_not_directory", "permission_denied", "read_only", "overlap",
          "type_conflict", "symlink_loop", "no_source_worker", "no_destination_worker"}) {
        EXPECT_EQ(code_of("FAILED", reason), 3) << reason;
    }
}

TEST(DryRun, SaysWhatWouldBeDone) {
    const auto progress =
        object_in(R"({"files":{"planned":12,"skipped":4,"surplus":3,"failed":1,"special":2},)"
                  R"("bytes":{"planned":1536}})");

    EXPECT_EQ(dry_run_summary(progress),
              "would copy 12 files (1.5 KiB), delete 3 entries; 4 are the same already; 2 special "
              "left out; 1 cannot be copied");
}

TEST(DryRun, IsSilentAboutWhatThereIsNot) {
    EXPECT_EQ(dry_run_summary(object_in(
                  R"({"files":{"planned":0,"surplus":9},"bytes":{"planned":0},)"
                  R"("reason":"max_delete_exceeded","detail":{"master":"nothing would go"}})")),
              "would copy 0 files (0 B), delete 9 entries; nothing would go");
    EXPECT_EQ(dry_run_summary(object_in(R"({"files":{"planned":1},"bytes":{"planned":0}})")),
              "would copy 1 file (0 B)");
}

TEST(ErrorTable, HasAColumnForEachThingToKnow) {
    const std::string table = error_table(
        {object_in(R"({"code":"io_error","worker_id":"w","path":"a","message":"read: EIO"})"),
         object_in(
             R"({"code":"type_conflict","worker_id":"worker-b","path":"b c","message":"m"})")});

    EXPECT_EQ(table,
              "CODE           WORKER    PATH  MESSAGE\n"
              "io_error       w         a     read: EIO\n"
              "type_conflict  worker-b  b c   m\n");
    EXPECT_EQ(error_table({}), "");
}

// Names may hold whatever a terminal acts on.
TEST(ErrorTable, ShowsPathsEscaped) {
    const std::string table = error_table(
        {object_in(R"({"path":"a\nb\u001b[2J","message":"x\ny"})"),
         object_in(R"({"path":"?","path_b64":"/w==","message":""})"), object_in(R"({"path":""})")});

    EXPECT_THAT(table,
                AllOf(HasSubstr("a\\nb\\x1b[2J"), HasSubstr("x\\ny"), HasSubstr("\xEF\xBF\xBD"),
                      Not(HasSubstr("\x1b")), Not(HasSubstr("?"))));
    EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 4);
    EXPECT_THAT(table, HasSubstr("  .  "));
}

}  // namespace
}  // namespace godwit::cli
