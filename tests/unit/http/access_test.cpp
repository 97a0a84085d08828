#include "http/access.h"

#include <gtest/gtest.h>

namespace godwit::http {
namespace {

using Verdict = AccessList::Verdict;

AccessList everyone() {
    return AccessList{{{Role::Viewer, base::Secret{"see"}},
                       {Role::Worker, base::Secret{"work"}},
                       {Role::Operator, base::Secret{"rule"}},
                       {Role::Worker, base::Secret{"both"}},
                       {Role::Operator, base::Secret{"both"}}}};
}

TEST(AccessList, WithoutGrantsEverybodyMayDoEverything) {
    EXPECT_EQ(AccessList{}.check(Role::Operator, {}), Verdict::Allowed);
    EXPECT_EQ(AccessList{}.check(Role::Worker, "Bearer whatever"), Verdict::Allowed);
}

TEST(AccessList, RolesMayWhatTheirOrderSays) {
    const struct {
        const char* token;
        Role needed;
        Verdict verdict;
    } rows[] = {
        {"see", Role::Open, Verdict::Allowed},        {"see", Role::Viewer, Verdict::Allowed},
        {"see", Role::Worker, Verdict::Forbidden},    {"see", Role::Operator, Verdict::Forbidden},
        {"work", Role::Viewer, Verdict::Allowed},     {"work", Role::Worker, Verdict::Allowed},
        {"work", Role::Operator, Verdict::Forbidden}, {"rule", Role::Viewer, Verdict::Allowed},
        {"rule", Role::Worker, Verdict::Forbidden},   {"rule", Role::Operator, Verdict::Allowed},
        {"both", Role::Worker, Verdict::Allowed},     {"both", Role::Operator, Verdict::Allowed},
    };
    const AccessList access = everyone();
    for (const auto& row : rows) {
        EXPECT_EQ(access.check(row.needed, "Bearer " + std::string{row.token}), row.verdict)
            << row.token << " " << static_cast<int>(row.needed);
    }
}

TEST(AccessList, WhatIsNotOneOfItsTokensIsNobody) {
    const AccessList access = everyone();
    EXPECT_EQ(access.check(Role::Open, {}), Verdict::Allowed);
    EXPECT_EQ(access.check(Role::Viewer, {}), Verdict::Unauthenticated);
    for (const char* value : {"", "Bearer", "Bearer ", "Bearer  ", "see", "Basic see", "Bearer se",
                              "Bearer seee", "Bearer SEE", "Bearer see work", "Bearersee"}) {
        EXPECT_EQ(access.check(Role::Viewer, value), Verdict::Unauthenticated) << value;
    }
    EXPECT_EQ(access.check(Role::Viewer, "bEARER   see"), Verdict::Allowed);
}

TEST(AccessList, EmptyTokenOpensNothing) {
    const AccessList access{{{Role::Operator, base::Secret{}}}};

    EXPECT_EQ(access.check(Role::Viewer, {}), Verdict::Unauthenticated);
    EXPECT_EQ(access.check(Role::Viewer, "Bearer "), Verdict::Unauthenticated);
}

}  // namespace
}  // namespace godwit::http
