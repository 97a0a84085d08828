#include "base/log.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace godwit::base {
namespace {

class LogFile : public testing::Test {
protected:
    LogFile() {
        std::string pattern = testing::TempDir() + "/godwit-log-XXXXXX";
        folder_ = mkdtemp(pattern.data());
        path_ = folder_ + "/log";
    }
    ~LogFile() override {
        EXPECT_TRUE(configure_logging({}));
        std::filesystem::remove_all(folder_);
    }

    std::string content() const {
        std::ostringstream text;
        text << std::ifstream{path_}.rdbuf();
        return text.str();
    }

    std::string folder_;
    std::string path_;
};

TEST_F(LogFile, TextLineCarriesFields) {
    ASSERT_TRUE(configure_logging({.file = path_}));

    Log{"master"}.info("request state changed", {{"request", "demo-1"}, {"files", 3}});

    EXPECT_TRUE(
        content().ends_with("Z info    master: request state changed request=demo-1 files=3\n"))
        << content();
}

TEST_F(LogFile, NothingFromOutsideForgesALine) {
    ASSERT_TRUE(configure_logging({.file = path_}));

    Log{"master"}.info("a\nb", {{"path", "x\ny'z"}});

    EXPECT_NE(content().find(R"(master: a b path='x\ny\'z')"), std::string::npos) << content();
}

TEST_F(LogFile, JsonLineIsEscaped) {
    ASSERT_TRUE(configure_logging({.json = true, .file = path_}));

    Log{"agent"}.warning("odd \"name\"", {{"path", "a\n\xFF"}});

    EXPECT_NE(content().find(
                  R"("level":"warning","logger":"agent","msg":"odd \"name\"","path":"a\u000a)"),
              std::string::npos)
        << content();
    EXPECT_EQ(content().find('\xFF'), std::string::npos);
}

TEST_F(LogFile, NoFieldTakesTheNameOfTheLinesOwn) {
    ASSERT_TRUE(configure_logging({.json = true, .file = path_}));

    Log{"agent"}.info("x", {{"level", "mine"}});

    EXPECT_NE(content().find(R"("level":"info","logger":"agent","msg":"x","level_":"mine"})"),
              std::string::npos)
        << content();
}

TEST_F(LogFile, LevelChangesAtRunTime) {
    ASSERT_TRUE(configure_logging({.level = LogLevel::Warning, .file = path_}));
    const Log log{"x"};

    log.info("unheard");
    set_log_level(LogLevel::Debug);
    log.debug("heard");

    EXPECT_EQ(content().find("unheard"), std::string::npos);
    EXPECT_NE(content().find("x: heard"), std::string::npos);
}

TEST_F(LogFile, ReopenAfterRotationWritesToTheNewFile) {
    ASSERT_TRUE(configure_logging({.file = path_}));
    Log{"x"}.info("first");
    std::filesystem::rename(path_, path_ + ".1");

    reopen_log();
    Log{"x"}.info("second");

    EXPECT_EQ(content().find("first"), std::string::npos);
    EXPECT_NE(content().find("second"), std::string::npos);
}

TEST(LogLevels, UnknownWordIsAnErrorThatNamesTheKnownOnes) {
    EXPECT_EQ(*parse_log_level("WARN"), LogLevel::Warning);
    const auto bad = parse_log_level("loud");
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().message, "unknown log level 'loud' (known: debug info warning error)");
}

}  // namespace
}  // namespace godwit::base
