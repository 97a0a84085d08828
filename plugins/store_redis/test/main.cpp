// These tests start servers of their own: REDIS_URL would lead them all to another one.
#include <gtest/gtest.h>

#include <cstdlib>

int main(int argc, char** argv) {
    ::testing::InitGoogleTest(&argc, argv);
    ::unsetenv("REDIS_URL");
    return RUN_ALL_TESTS();
}
