#include "settings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace godwit::transport_ucx {
namespace {

sdk::Options options_with(const std::string& name, const std::string& value) {
    sdk::Options options;
    options.values.members.emplace_back(name, sdk::Value::scalar(value));
    return options;
}

sdk::Options with_config(std::initializer_list<const char*> entries) {
    sdk::Value list;
    list.kind = sdk::Value::Kind::List;
    for (const char* entry : entries) list.items.push_back(sdk::Value::scalar(entry));
    sdk::Options options;
    options.values.members.emplace_back("config", std::move(list));
    return options;
}

Settings with_tls(const std::string& tls) {
    auto settings = read_settings(options_with("tls", tls));
    EXPECT_TRUE(settings) << settings.error().message;
    return settings ? *settings : Settings{};
}

std::string why_refused(const sdk::Options& options) {
    const auto settings = read_settings(options);
    if (settings) return "";
    EXPECT_EQ(settings.error().code, sdk::Code::InvalidArgument);
    return settings.error().message;
}

// Empty: not among them.
std::string value_of(const std::vector<UcxSetting>& settings, const std::string& name) {
    const auto found = std::ranges::find(settings, name, &UcxSetting::name);
    return found == settings.end() ? "" : found->value;
}

TEST(UcxSettings, WithoutOptionsItIsTcp) {
    const auto settings = read_settings({});

    ASSERT_TRUE(settings) << settings.error().message;
    EXPECT_EQ(settings->tls, "tcp");
    EXPECT_TRUE(settings->uses_tcp);
    EXPECT_FALSE(settings->uses_rdma);
    EXPECT_EQ(settings->gets_in_flight_max, 64U);
    EXPECT_GT(settings->rndv_threshold_bytes, 0U);
}

TEST(UcxSettings, TlsIsTheSameHoweverItIsWritten) {
    EXPECT_EQ(with_tls("tcp, rc").tls, "rc,tcp");
    EXPECT_EQ(with_tls("rc,tcp,rc").tls, "rc,tcp");
}

TEST(UcxSettings, TlsTellsWhichDevicesARailNeeds) {
    for (const char* tls : {"rc", "rc_verbs", "ud_mlx5", "dc", "ib", "rc,self"}) {
        EXPECT_TRUE(with_tls(tls).uses_rdma) << tls;
        EXPECT_FALSE(with_tls(tls).uses_tcp) << tls;
    }
    for (const char* tls : {"all", "rc,tcp"}) {
        EXPECT_TRUE(with_tls(tls).uses_rdma) << tls;
        EXPECT_TRUE(with_tls(tls).uses_tcp) << tls;
    }
}

TEST(UcxSettings, TlsThatStaysOnTheHostIsRefused) {
    for (const char* tls : {"posix", "self,cma", "", ",", "tcp,,rc"}) {
        EXPECT_NE(why_refused(options_with("tls", tls)).find("tls"), std::string::npos) << tls;
    }
}

TEST(UcxSettings, UnknownOptionIsRefusedWithTheNearestName) {
    const std::string why = why_refused(options_with("tlss", "tcp"));

    EXPECT_NE(why.find("'tlss', did you mean 'tls'"), std::string::npos) << why;
}

TEST(UcxSettings, NumbersOutOfRangeAreRefused) {
    for (const auto& [name, value] : {std::pair{"gets_in_flight_max", "0"},
                                      {"gets_in_flight_max", "1025"},
                                      {"peers_max", "0"},
                                      {"keepalive_interval_ms", "999"},
                                      {"gid_index", "256"},
                                      {"traffic_class", "-2"},
                                      {"port_low", "65536"},
                                      {"rndv_threshold_bytes", "many"}}) {
        EXPECT_NE(why_refused(options_with(name, value)).find(name), std::string::npos)
            << name << " " << value;
    }
}

TEST(UcxSettings, HalfAPortRangeIsRefused) {
    EXPECT_NE(why_refused(options_with("port_low", "7000")), "");
    EXPECT_NE(why_refused(options_with("port_high", "7000")), "");
    auto swapped = options_with("port_low", "7001");
    swapped.values.members.emplace_back("port_high", sdk::Value::scalar("7000"));
    EXPECT_NE(why_refused(swapped), "");
}

TEST(UcxSettings, ConfigIsTakenWithAndWithoutPrefix) {
    const auto settings = read_settings(with_config({"UCX_TCP_NODELAY=n", "LOG_LEVEL=a=b"}));

    ASSERT_TRUE(settings) << settings.error().message;
    EXPECT_EQ(settings->config,
              (std::vector<UcxSetting>{{"TCP_NODELAY", "n"}, {"LOG_LEVEL", "a=b"}}));
}

TEST(UcxSettings, ConfigThatIsNoAssignmentIsRefused) {
    for (const char* entry : {"TCP_NODELAY", "=n", ""}) {
        EXPECT_NE(why_refused(with_config({entry})).find("NAME=value"), std::string::npos) << entry;
    }
}

TEST(UcxSettings, ConfigMayNotTouchWhatTheRailDependsOn) {
    for (const char* entry :
         {"TLS=rc", "UCX_NET_DEVICES=eth0", "TCP_PUT_ENABLE=y", "PUT_ENABLE=y", "ZCOPY_THRESH=0",
          "TCP_RX_SEG_SIZE=1M", "RX_SEG_SIZE=1M", "IB_GID_INDEX=3", "RC_TRAFFIC_CLASS=3"}) {
        EXPECT_NE(why_refused(with_config({entry})).find("cannot be set here"), std::string::npos)
            << entry;
    }
}

TEST(UcxConfiguration, RailIsRestrictedToItsDevice) {
    const auto ucx = configure(with_tls("rc,tcp"), "mlx5_0:1,ib0", false);

    EXPECT_EQ(value_of(ucx.required, "NET_DEVICES"), "mlx5_0:1,ib0");
    EXPECT_EQ(value_of(ucx.required, "TLS"), "rc,tcp");
}

TEST(UcxConfiguration, ConnectionsAreMadeByWhatTheTransportsHave) {
    const auto manager = [](const char* tls) {
        return value_of(configure(with_tls(tls), "x", false).required, "SOCKADDR_TLS_PRIORITY");
    };

    EXPECT_EQ(manager("tcp"), "tcp");
    EXPECT_EQ(manager("rc"), "rdmacm");
    EXPECT_EQ(manager("rc,tcp"), "rdmacm,tcp");
}

TEST(UcxConfiguration, TcpNeverSendsOrPutsWithoutACopy) {
    const auto ucx = configure(with_tls("tcp"), "eth0", false);

    EXPECT_EQ(value_of(ucx.required, "TCP_PUT_ENABLE"), "n");
    EXPECT_EQ(value_of(ucx.required, "ZCOPY_THRESH"), "inf");
    EXPECT_EQ(value_of(ucx.required, "TCP_TX_SEG_SIZE"), value_of(ucx.required, "TCP_RX_SEG_SIZE"));
}

TEST(UcxConfiguration, RdmaKnowsNothingOfTcp) {
    const auto ucx = configure(with_tls("rc"), "mlx5_0:1", false);

    for (const UcxSetting& setting : ucx.required) {
        EXPECT_FALSE(setting.name.starts_with("TCP_")) << setting.name;
    }
    EXPECT_EQ(value_of(ucx.required, "ZCOPY_THRESH"), "");
    EXPECT_TRUE(ucx.defaults.empty());
}

TEST(UcxConfiguration, RoceOptionsReachTheDevice) {
    auto settings = with_tls("rc");
    EXPECT_EQ(value_of(configure(settings, "x", false).required, "IB_GID_INDEX"), "");
    settings.gid_index = 3;
    settings.traffic_class = 104;

    const auto ucx = configure(settings, "rocep1s0:1", false);

    EXPECT_EQ(value_of(ucx.required, "IB_GID_INDEX"), "3");
    EXPECT_EQ(value_of(ucx.required, "IB_TRAFFIC_CLASS"), "104");
}

TEST(UcxConfiguration, GidFollowsFromTheAddressUnlessTheSiteNamesOne) {
    auto settings = with_tls("rc");
    const auto derived = configure(settings, "rocep1s0:1", false, 5U);
    settings.gid_index = 3;
    const auto named = configure(settings, "rocep1s0:1", false, 5U);

    EXPECT_EQ(value_of(derived.defaults, "IB_GID_INDEX"), "5");
    EXPECT_EQ(value_of(derived.required, "IB_GID_INDEX"), "");
    EXPECT_EQ(value_of(named.defaults, "IB_GID_INDEX"), "");
    EXPECT_EQ(value_of(named.required, "IB_GID_INDEX"), "3");
}

TEST(UcxConfiguration, SiteHasTheLastWordAmongTheSettings) {
    const auto settings = read_settings(with_config({"TCP_CONN_NB=n"}));
    ASSERT_TRUE(settings);

    const auto ucx = configure(*settings, "eth0", false);

    EXPECT_EQ(ucx.required.back(), (UcxSetting{"TCP_CONN_NB", "n"}));
}

TEST(UcxConfiguration, TransportPrefixIsLeftOutWhereOldReleasesWantItSo) {
    EXPECT_EQ(without_transport_prefix("TCP_PUT_ENABLE"), "PUT_ENABLE");
    EXPECT_EQ(without_transport_prefix("TCP_CM_SNDBUF"), "SNDBUF");
    EXPECT_EQ(without_transport_prefix("RC_VERBS_TX_DEPTH"), "TX_DEPTH");
    EXPECT_EQ(without_transport_prefix("RNDV_THRESH"), "RNDV_THRESH");
}

TEST(UcxConfiguration, EachSettingIsTriedByTheNamesThatReleasesHaveForIt) {
    using Names = std::vector<std::string>;

    EXPECT_EQ(names_of("RNDV_THRESH"), Names{"RNDV_THRESH"});
    EXPECT_EQ(names_of("TCP_NODELAY"), (Names{"TCP_NODELAY", "NODELAY"}));
    EXPECT_EQ(names_of("RC_VERBS_RETRY_COUNT"),
              (Names{"RC_VERBS_RETRY_COUNT", "RETRY_COUNT", "RC_RETRY_COUNT"}));
    EXPECT_EQ(names_of("UD_MLX5_TX_QUEUE_LEN"),
              (Names{"UD_MLX5_TX_QUEUE_LEN", "TX_QUEUE_LEN", "UD_TX_QUEUE_LEN"}));
}

}  // namespace
}  // namespace godwit::transport_ucx
