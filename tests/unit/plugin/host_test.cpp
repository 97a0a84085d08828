#include "plugin/host.h"

#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace godwit::plugin {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class Host : public testing::Test {
protected:
    static std::string fixtures() { return GODWIT_FIXTURE_PLUGINS; }

    std::string error_of(const std::string& plugin) {
        config::PluginChoice choice;
        choice.plugin = plugin;
        const auto made = host_.make_policy(choice);
        return made ? "made" : made.error().message;
    }

    base::Metrics metrics_;
    PluginHost host_{{fixtures()}, metrics_};
};

TEST_F(Host, MakesAnObjectThatWorks) {
    config::PluginChoice choice;
    choice.plugin = "good";

    const auto policy = host_.make_policy(choice);

    ASSERT_TRUE(policy) << policy.error().message;
    EXPECT_TRUE((*policy)->choose({})->empty());
}

TEST_F(Host, UnknownPluginNamesTheNearestAndTheFolder) {
    EXPECT_EQ(error_of("god"),
              "unknown policy plugin 'god', did you mean 'good'? in " + fixtures());
    EXPECT_THAT(error_of("zzzzzzzz"), AllOf(HasSubstr("known:"), HasSubstr(" throwing")));
}

TEST_F(Host, ANameIsNeverAPath) {
    EXPECT_THAT(error_of("../plugins/good"), HasSubstr("unknown policy plugin"));
    EXPECT_THAT(error_of(""), HasSubstr("unknown policy plugin ''"));
}

TEST_F(Host, AFileThatIsNoLibraryIsRefused) {
    EXPECT_THAT(error_of("text"), AllOf(HasSubstr(fixtures() + "/godwit_policy_text.so"),
                                        HasSubstr("cannot be loaded")));
}

TEST_F(Host, ALibraryThatIsNoPluginIsRefused) {
    EXPECT_THAT(error_of("no_descriptor"), HasSubstr("has no symbol godwit_plugin_v1"));
}

TEST_F(Host, AnUndefinedSymbolIsNamed) {
    EXPECT_THAT(error_of("undefined"), HasSubstr("godwit_fixture_missing_function"));
}

TEST_F(Host, AnotherSdkVersionIsNamedOnBothSides) {
    EXPECT_THAT(error_of("old_sdk"), HasSubstr("built for SDK version 77, this is version " +
                                               std::to_string(sdk::kAbiVersion)));
    EXPECT_THAT(error_of("other_abi"),
                AllOf(HasSubstr("sdk1-other-compiler"), HasSubstr(GODWIT_ABI_TAG)));
    EXPECT_THAT(error_of("short_descriptor"), HasSubstr("descriptor has 24 bytes"));
    EXPECT_THAT(error_of("no_factory"), HasSubstr("names 0 factories"));
}

TEST_F(Host, AFileMustBeNamedAfterItsPlugin) {
    EXPECT_THAT(error_of("wrong_name"), HasSubstr("says that it is the policy 'another'"));
}

TEST_F(Host, AThrowingFactoryIsAnError) {
    EXPECT_THAT(error_of("throwing"), HasSubstr("factory threw: no luck today"));
}

TEST_F(Host, OptionErrorsCarryTheirPlace) {
    config::PluginChoice choice;
    choice.plugin = "good";
    choice.options.path = "policy.options";
    sdk::Value value = sdk::Value::scalar("many");
    value.at = {std::make_shared<const std::string>("m.yml"), 3, 9};
    choice.options.values.members.emplace_back("limt", value);

    const auto made = host_.make_policy(choice);

    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().message,
                HasSubstr("m.yml:3:9: policy.options: unknown key 'limt', did you mean 'limit'?"));
}

TEST_F(Host, ListTellsGoodAndBad) {
    bool good = false;
    bool bad = false;
    for (const Listed& listed : host_.list()) {
        if (listed.file.ends_with("_good.so")) {
            good =
                listed.descriptor != nullptr && std::string{listed.descriptor->version} == "1.0.0";
        }
        if (listed.file.ends_with("_text.so")) bad = !listed.problem.empty();
    }
    EXPECT_TRUE(good);
    EXPECT_TRUE(bad);
}

TEST_F(Host, ACheckFindsAValueOfAnotherType) {
    config::PluginChoice choice;
    choice.plugin = "good";
    choice.options.path = "policy.options";
    sdk::Value value = sdk::Value::scalar("many");
    value.at = {std::make_shared<const std::string>("m.yml"), 3, 9};
    choice.options.values.members.emplace_back("limit", value);

    const auto checked = host_.check(sdk::PluginKind::AssignmentPolicy, choice);

    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().message,
              "m.yml:3:9: policy.options.limit: expected an integer, got 'many'");
    choice.options.values.members[0].second.text = "7";
    EXPECT_TRUE(host_.check(sdk::PluginKind::AssignmentPolicy, choice));
}

// A copy of the good plugin in a folder of its own, for others to write or not.
class HostOfAFile : public Host {
protected:
    HostOfAFile() { std::filesystem::copy_file(fixtures() + "/godwit_policy_good.so", file_); }
    ~HostOfAFile() override { std::filesystem::remove_all(folder_); }

    std::string error_of_file() {
        PluginHost host{{folder_.string()}, metrics_};
        config::PluginChoice choice;
        choice.plugin = "good";
        const auto made = host.make_policy(choice);
        return made ? "made" : made.error().message;
    }

    std::string pattern_ = testing::TempDir() + "/godwit-plugins-XXXXXX";
    const std::filesystem::path folder_ = mkdtemp(pattern_.data());
    const std::filesystem::path file_ = folder_ / "godwit_policy_good.so";
};

TEST_F(HostOfAFile, ThatOthersCanWriteRefusesIt) {
    ASSERT_EQ(::chmod(file_.c_str(), 0757), 0);

    EXPECT_THAT(error_of_file(), HasSubstr("can be written by others: chmod go-w it"));
}

TEST_F(HostOfAFile, ThatAGroupOfOthersCanWriteRefusesIt) {
    constexpr gid_t kDaemon = 1;
    if (::chown(file_.c_str(), ::geteuid(), kDaemon) != 0) GTEST_SKIP() << "chown needs root";
    ASSERT_EQ(::chmod(file_.c_str(), 0775), 0);

    EXPECT_THAT(error_of_file(), HasSubstr("can be written by others: chmod go-w it"));
}

TEST_F(HostOfAFile, ThatItsOwnersPrivateGroupCanWriteTakesIt) {
    const group* own = ::getgrgid(::getegid());
    const passwd* user = ::getpwuid(::geteuid());
    const bool is_private = own != nullptr && user != nullptr && *own->gr_mem == nullptr &&
                            std::string{own->gr_name} == user->pw_name;
    if (!is_private) GTEST_SKIP() << "this user's group is shared with others";
    ASSERT_EQ(::chmod(file_.c_str(), 0775), 0);

    EXPECT_EQ(error_of_file(), "made");
}

}  // namespace
}  // namespace godwit::plugin
