// What the tests of semantics.md's rules share: a master, a source agent and a destination agent,
// and syncs between their folders.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "cluster.h"
#include "support/oracle.h"

namespace godwit::integration {

namespace fs = std::filesystem;
using test_support::differences;
using test_support::Look;
using test_support::read_file;
using test_support::rsync_differences;
using test_support::set_mtime;
using test_support::write_random;
using test_support::write_text;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// How a request ended.
struct Ended {
    std::string id;
    std::string state;
    std::string reason;
    Poco::JSON::Object::Ptr progress;

    std::int64_t files(const std::string& name) const {
        return progress->getObject("files")->getValue<std::int64_t>(name);
    }
    std::int64_t bytes(const std::string& name) const {
        return progress->getObject("bytes")->getValue<std::int64_t>(name);
    }
};

class Semantics : public testing::Test {
protected:
    explicit Semantics(ClusterSettings settings = {}) : cluster_{std::move(settings)} {
        fs::create_directories(source());
    }
    void start() { cluster_.start_pair(cluster_.folder("a"), cluster_.folder("b")); }
    void SetUp() override { start(); }

    std::string source(const std::string& relative = {}) const { return at("a/src", relative); }
    std::string destination(const std::string& relative = {}) const {
        return at("b/dst", relative);
    }

    // From source() to destination(), with these options ("\"delete\":\"after\"").
    Ended sync(const std::string& options = {}, const std::string& members = {}) {
        return sync_paths(source(), destination(), options, members);
    }
    Ended sync_paths(const std::string& from, const std::string& to,
                     const std::string& options = {}, const std::string& members = {}) {
        return wait_for(submit(from, to, options, members));
    }
    std::string submit(const std::string& from, const std::string& to,
                       const std::string& options = {}, const std::string& members = {}) {
        return cluster_.submit(from, to, members + R"(,"options":{)" + options + "}");
    }
    Ended wait_for(const std::string& id) {
        Ended ended;
        ended.id = id;
        ended.state = cluster_.wait_until_over(id);
        ended.progress = cluster_.progress(id);
        if (!ended.progress.isNull()) {
            ended.reason = ended.progress->optValue<std::string>("reason", "");
        }
        return ended;
    }
    // The status of an answer to a body that is sent as it stands.
    Reply post(const std::string& members) {
        return cluster_.call("POST", "/sync", R"({"request_id":"posted",)" + members + "}");
    }
    // "code path" of every error, in no order.
    std::vector<std::string> errors(const std::string& id) {
        std::vector<std::string> lines;
        const auto page = cluster_.call("GET", "/sync/" + id + "/errors").object();
        const auto list = page->getArray("errors");
        for (unsigned i = 0; i < list->size(); ++i) {
            const auto error = list->getObject(i);
            lines.push_back(error->getValue<std::string>("code") + " " +
                            error->optValue<std::string>("path", ""));
        }
        return lines;
    }
    // Every file and every byte that was discovered has ended in exactly one way.
    static void expect_all_accounted_for(const Ended& ended) {
        EXPECT_EQ(ended.files("discovered"), ended.files("copied") + ended.files("skipped") +
                                                 ended.files("failed") + ended.files("vanished") +
                                                 ended.files("special"));
        EXPECT_EQ(ended.bytes("discovered"), ended.bytes("copied") + ended.bytes("skipped") +
                                                 ended.bytes("failed") + ended.bytes("vanished"));
    }

    Cluster cluster_;

private:
    std::string at(const std::string& root, const std::string& relative) const {
        return cluster_.folder(root + (relative.empty() ? "" : "/" + relative));
    }
};

inline bool is_root() {
    return ::geteuid() == 0;
}

}  // namespace godwit::integration
