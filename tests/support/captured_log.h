// What the process logs while a test runs, to be read by it.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "base/log.h"
#include "support/process.h"
#include "support/tree.h"

namespace godwit::test_support {

// One at a time. Made before the threads that log.
class CapturedLog {
public:
    CapturedLog() {
        EXPECT_TRUE(base::configure_logging({.level = base::LogLevel::Debug, .file = path_}));
    }
    ~CapturedLog() { EXPECT_TRUE(base::configure_logging({})); }
    CapturedLog(const CapturedLog&) = delete;
    CapturedLog& operator=(const CapturedLog&) = delete;

    std::string text() const { return read_file(path_); }

private:
    const TemporaryFolder folder_;
    const std::string path_ = folder_.path("log");
};

}  // namespace godwit::test_support
