#include "nic.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace godwit::transport_ucx {
namespace {

namespace fs = std::filesystem;

Interface interface(const char* name, std::initializer_list<const char*> addresses) {
    Interface made{name, {}};
    for (const char* address : addresses) {
        made.addresses.push_back(*SocketAddress::parse(address));
    }
    return made;
}

// An Ethernet without RDMA, one with RoCE, InfiniBand with and without IPoIB.
Inventory some_inventory() {
    return {
        {interface("lo", {"127.0.0.1", "::1"}), interface("eth0", {"192.0.2.2", "fd00::2"}),
         interface("eth1", {"fe80::1", "192.0.2.3"}), interface("ib0", {"198.51.100.4"}),
         interface("v6only", {"fe80::5", "fd00::5"}), interface("linkonly", {"fe80::6"})},
        {{"rocep1s0", 1, {"eth1"}}, {"mlx5_0", 1, {}}, {"mlx5_0", 2, {"ib0"}}, {"mlx5_9", 1, {}}}};
}

sdk::Result<Nic> pick(const char* iface, const char* address, const char* tls) {
    const std::string list = tls;
    return pick_nic({iface, address}, list.find("tcp") != list.npos, list.find("rc") != list.npos,
                    some_inventory());
}

std::string devices_of(const char* iface, const char* address, const char* tls) {
    const auto nic = pick(iface, address, tls);
    EXPECT_TRUE(nic) << nic.status().error().message;
    return nic ? nic->devices : "";
}

std::string why_missing(const char* iface, const char* address, const char* tls) {
    const auto nic = pick(iface, address, tls);
    if (nic) {
        ADD_FAILURE() << "picked " << nic->devices;
        return "";
    }
    EXPECT_EQ(nic.error().code, sdk::Code::NotFound);
    return nic.error().message;
}

TEST(Nics, TcpUsesTheInterface) {
    EXPECT_EQ(devices_of("eth0", "", "tcp"), "eth0");
    EXPECT_EQ(devices_of("", "192.0.2.2", "tcp"), "eth0");
    EXPECT_EQ(devices_of("eth0", "fd00::2", "tcp"), "eth0");
    EXPECT_EQ(devices_of("eth1", "", "tcp"), "eth1");
}

TEST(Nics, RdmaUsesTheAdapterBehindTheInterface) {
    EXPECT_EQ(devices_of("eth1", "", "rc"), "rocep1s0:1");
    EXPECT_EQ(devices_of("", "198.51.100.4", "rc"), "mlx5_0:2");
}

TEST(Nics, AdapterMayBeNamedInsteadOfTheInterface) {
    EXPECT_EQ(devices_of("mlx5_0", "", "rc"), "mlx5_0:2") << "the port that has an interface";
    EXPECT_EQ(devices_of("mlx5_0:2", "", "rc"), "mlx5_0:2");
    EXPECT_EQ(devices_of("rocep1s0", "", "tcp"), "eth1");
}

// A port with a VLAN: each interface has an address, and each address a GID of version 1 and 2.
TEST(Nics, RoceUsesTheGidOfTheRailsOwnAddress) {
    const auto gid = [](unsigned index, const char* address, bool is_v2) {
        return Gid{index, *SocketAddress::parse(address), is_v2};
    };
    const Inventory inventory{
        {interface("eth1", {"192.0.2.3"}), interface("eth1.100", {"198.51.100.3", "fd00::3"}),
         interface("eth2", {"192.0.2.9"})},
        {{"rocep1s0",
          1,
          {"eth1", "eth1.100"},
          {gid(0, "fe80::1", true), gid(1, "192.0.2.3", false), gid(2, "192.0.2.3", true),
           gid(4, "198.51.100.3", false), gid(5, "198.51.100.3", true), gid(6, "fd00::3", true)}},
         {"old0", 1, {"eth2"}, {gid(7, "192.0.2.9", false)}}}};
    const auto index_for = [&](const char* iface, const char* address) {
        return pick_nic({iface, address}, false, true, inventory)->gid_index;
    };

    EXPECT_EQ(index_for("eth1", ""), 2U);
    EXPECT_EQ(index_for("eth1.100", ""), 5U);
    EXPECT_EQ(index_for("eth1.100", "fd00::3"), 6U);
    EXPECT_EQ(index_for("", "198.51.100.3"), 5U);
    EXPECT_EQ(index_for("eth2", ""), 7U) << "version 1, where there is nothing else";
    EXPECT_EQ(pick("", "198.51.100.4", "rc")->gid_index, std::nullopt) << "InfiniBand";
}

TEST(Nics, GidIndexThatIsNotThereIsAnsweredWithThoseThatAre) {
    Nic roce{.iface = "eth1", .address = {}, .devices = "rocep1s0:1", .adapter = "rocep1s0"};
    roce.gids = {{0, *SocketAddress::parse("192.0.2.3"), false},
                 {1, *SocketAddress::parse("192.0.2.3"), true}};
    const Nic infiniband{.iface = "ib0", .address = {}, .devices = "mlx5_0:1", .adapter = "mlx5_0"};

    EXPECT_TRUE(check_gid_index(1, roce));
    EXPECT_TRUE(check_gid_index(-1, roce));
    EXPECT_TRUE(check_gid_index(3, infiniband));
    const auto status = check_gid_index(3, roce);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, sdk::Code::InvalidArgument);
    EXPECT_NE(status.error().message.find("1 (192.0.2.3, RoCE v2)"), std::string::npos)
        << status.error().message;
}

TEST(Nics, BothKindsAreUsedWhereBothAreAskedFor) {
    EXPECT_EQ(devices_of("eth1", "", "rc,tcp"), "rocep1s0:1,eth1");
    EXPECT_EQ(devices_of("eth0", "", "rc,tcp"), "eth0") << "TCP alone, where there is no RDMA";
}

TEST(Nics, AddressThatNamesNoLinkIsNotChosen) {
    EXPECT_EQ(pick("eth1", "", "tcp")->address.ip_text(), "192.0.2.3");
    EXPECT_EQ(pick("v6only", "", "tcp")->address.ip_text(), "fd00::5");
    EXPECT_NE(why_missing("linkonly", "", "tcp"), "");
}

TEST(Nics, MissingOnesAreAnsweredWithThoseThereAre) {
    for (const auto& [iface, address] :
         {std::pair{"eth7", ""}, {"", "203.0.113.1"}, {"eth0", "192.0.2.3"}, {"", ""}}) {
        const std::string why = why_missing(iface, address, "tcp");
        EXPECT_NE(why.find("eth0 (192.0.2.2, fd00::2)"), std::string::npos) << why;
    }
}

TEST(Nics, MissingRdmaIsAnsweredWithTheDevicesThereAre) {
    const std::string why = why_missing("eth0", "", "rc");

    EXPECT_NE(why.find("no RDMA device belongs to 'eth0'"), std::string::npos) << why;
    EXPECT_NE(why.find("mlx5_0:2 (ib0)"), std::string::npos) << why;
}

TEST(Nics, AdapterWithoutIpAddressSaysWhatToDo) {
    const std::string why = why_missing("mlx5_9", "", "rc");

    EXPECT_NE(why.find("IPoIB"), std::string::npos) << why;
}

TEST(Nics, WhatIsNoAddressIsInvalid) {
    const auto nic = pick("", "eth0", "tcp");

    ASSERT_FALSE(nic);
    EXPECT_EQ(nic.error().code, sdk::Code::InvalidArgument);
}

// A tree like the kernel's.
class SysfsTree : public ::testing::Test {
protected:
    void SetUp() override {
        std::string name = (fs::temp_directory_path() / "godwit-sysfs-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        root_ = name;
        write("class/infiniband/rocep1s0/ports/1/gid_attrs/ndevs/0", "eth1\n");
        write("class/infiniband/rocep1s0/ports/1/gid_attrs/ndevs/1", "eth1\n");
        write("class/infiniband/rocep1s0/ports/1/gid_attrs/ndevs/2", "");
        write("class/infiniband/rocep1s0/ports/1/gid_attrs/ndevs/17", "eth1.100\n");
        write("class/infiniband/rocep1s0/ports/1/gid_attrs/types/0", "IB/RoCE v1\n");
        write("class/infiniband/rocep1s0/ports/1/gid_attrs/types/1", "RoCE v2\n");
        write("class/infiniband/rocep1s0/ports/1/gids/17", "no address");
        write("class/infiniband/rocep1s0/ports/1/gids/0",
              "fe80:0000:0000:0000:048b:05ff:fe06:4596\n");
        write("class/infiniband/rocep1s0/ports/1/gids/1",
              "0000:0000:0000:0000:0000:ffff:0a4d:0001\n");
        write("class/infiniband/rocep1s0/ports/1/rate", "25 Gb/sec (1X EDR)\n");
        write("class/infiniband/rocep1s0/device/numa_node", "1\n");
        write("class/infiniband/mlx5_0/ports/1/gid_attrs/type", "");
        write("class/infiniband/mlx5_0/ports/2/gid_attrs/type", "");
        write("class/infiniband/mlx5_0/device/net/ib0/dev_port", "0\n");
        write("class/infiniband/mlx5_0/device/net/ib1/dev_port", "1\n");
        write("class/net/eth0/speed", "10000\n");
        write("class/net/eth0/device/numa_node", "0\n");
        write("class/net/veth0/speed", "-1\n");
    }
    void TearDown() override { fs::remove_all(root_); }

    void write(const std::string& file, const std::string& text) {
        fs::create_directories((root_ / file).parent_path());
        std::ofstream{root_ / file} << text;
    }
    std::string root() const { return root_.string(); }

private:
    fs::path root_;
};

TEST_F(SysfsTree, TellsWhichInterfacesBelongToWhichPort) {
    const auto inventory = take_inventory(root());

    ASSERT_TRUE(inventory);
    const auto& ports = inventory->rdma_ports;
    ASSERT_EQ(ports.size(), 3U);
    EXPECT_EQ(ports[0].device(), "mlx5_0:1");
    EXPECT_EQ(ports[0].interfaces, std::vector<std::string>{"ib0"});
    EXPECT_EQ(ports[1].device(), "mlx5_0:2");
    EXPECT_EQ(ports[1].interfaces, std::vector<std::string>{"ib1"});
    EXPECT_EQ(ports[2].device(), "rocep1s0:1");
    EXPECT_EQ(ports[2].interfaces, (std::vector<std::string>{"eth1", "eth1.100"}));
}

TEST_F(SysfsTree, TellsTheGidsOfARocePort) {
    const auto inventory = take_inventory(root());

    ASSERT_TRUE(inventory);
    const auto& gids = inventory->rdma_ports[2].gids;
    ASSERT_EQ(gids.size(), 2U);
    EXPECT_EQ(gids[0].address.ip_text(), "fe80::48b:5ff:fe06:4596");
    EXPECT_FALSE(gids[0].is_v2);
    EXPECT_EQ(gids[1].index, 1U);
    EXPECT_EQ(gids[1].address.ip_text(), "10.77.0.1");
    EXPECT_TRUE(gids[1].is_v2);
    EXPECT_TRUE(inventory->rdma_ports[0].gids.empty());
}

TEST_F(SysfsTree, TellsSpeedAndNumaNode) {
    Nic ethernet{.iface = "eth0", .address = {}, .devices = "eth0", .adapter = {}};
    Nic roce{.iface = "eth1", .address = {}, .devices = "rocep1s0:1,eth1", .adapter = "rocep1s0"};
    Nic pair{.iface = "veth0", .address = {}, .devices = "veth0", .adapter = {}};

    for (Nic* nic : {&ethernet, &roce, &pair}) describe(*nic, root());

    EXPECT_EQ(ethernet.link_mbps, 10'000U);
    EXPECT_EQ(ethernet.numa_node, 0);
    EXPECT_EQ(roce.link_mbps, 25'000U);
    EXPECT_EQ(roce.numa_node, 1);
    EXPECT_EQ(pair.link_mbps, 0U) << "unknown";
    EXPECT_EQ(pair.numa_node, -1) << "unknown";
}

TEST(Nics, ThisHostHasALoopback) {
    const auto inventory = take_inventory();

    ASSERT_TRUE(inventory);
    const auto nic = pick_nic({"", "127.0.0.1"}, true, false, *inventory);
    ASSERT_TRUE(nic) << nic.error().message;
    EXPECT_EQ(nic->iface, "lo");
}

}  // namespace
}  // namespace godwit::transport_ucx
