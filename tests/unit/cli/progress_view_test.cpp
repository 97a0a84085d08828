#include "cli/progress_view.h"

#include <gtest/gtest.h>

namespace godwit::cli {
namespace {

constexpr const char* kWhatNext =
    "\nIt goes on with: godwit resume r-1, and ends with: godwit cancel r-1";

TEST(PauseNotice, SaysWhyAndWhatToDo) {
    const auto full = object_in(
        R"({"state":"PAUSED","reason":"no_space","detail":{"master":"write 'x': disk full"}})");

    EXPECT_EQ(pause_notice(full, "r-1"),
              "PAUSED (no_space): write 'x': disk full; make room at the destination first" +
                  std::string{kWhatNext});
}

TEST(PauseNotice, OfARequestThatSomebodyPausedHasNoReason) {
    const auto paused =
        object_in(R"({"state":"PAUSED","reason":"","detail":{"master":"waiting"}})");

    EXPECT_EQ(pause_notice(paused, "r-1"), "PAUSED" + std::string{kWhatNext});
}

}  // namespace
}  // namespace godwit::cli
