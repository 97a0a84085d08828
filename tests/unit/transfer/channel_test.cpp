#include "transfer/channel.h"

#include <Poco/Net/ServerSocket.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <map>
#include <random>
#include <thread>

namespace godwit::transfer {
namespace {

using Poco::Net::ServerSocket;
using Poco::Net::SocketAddress;
using Poco::Net::StreamSocket;
using testing::HasSubstr;

constexpr base::Millis kPatience{20'000};

peer::Frame ping(std::uint64_t call) {
    peer::Frame frame;
    frame.set_call(call);
    frame.mutable_ping();
    return frame;
}

peer::Frame view_of(std::size_t bytes) {
    peer::Frame frame;
    frame.mutable_view()->add_directories()->set_path(std::string(bytes, 'x'));
    return frame;
}

// A channel, and the raw end of its connection.
class RawPeer : public testing::Test {
protected:
    RawPeer() {
        ServerSocket listener{SocketAddress{"127.0.0.1", 0}};
        raw_.connect(listener.address());
        channel_ = std::make_unique<Channel>(listener.acceptConnection());
    }

    void send(std::string_view bytes) {
        for (std::size_t done = 0; done < bytes.size();) {
            const auto left = static_cast<int>(bytes.size() - done);
            done += static_cast<std::size_t>(raw_.sendBytes(bytes.data() + done, left));
        }
    }
    // A frame's head.
    static std::string head(std::uint32_t length) {
        std::string bytes;
        for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(length >> shift);
        return bytes;
    }
    static std::string wire(const peer::Frame& frame) {
        const std::string body = frame.SerializeAsString();
        return head(static_cast<std::uint32_t>(body.size())) + body;
    }
    void expect_refused(Code code) {
        const auto frame = channel_->read(kPatience);
        ASSERT_FALSE(frame);
        EXPECT_EQ(frame.error().code, code) << frame.error().message;
    }

    StreamSocket raw_;
    std::unique_ptr<Channel> channel_;
};

// Two channels on one connection.
class Connection : public testing::Test {
protected:
    Connection() {
        ServerSocket listener{SocketAddress{"127.0.0.1", 0}};
        source_ = *Channel::connect(listener.address().toString(), kPatience);
        destination_ = std::make_unique<Channel>(listener.acceptConnection());
    }

    std::unique_ptr<Channel> source_;
    std::unique_ptr<Channel> destination_;
};

// --------------------------------------------------------------------------------------- round
// trip

TEST_F(Connection, CarriesFramesInOrderBothWays) {
    ASSERT_TRUE(source_->write(ping(1)));
    ASSERT_TRUE(source_->write(peer::Frame{}));
    ASSERT_TRUE(source_->write(ping(3)));
    ASSERT_TRUE(destination_->write(ping(4)));

    for (const std::uint64_t call : {1, 0, 3}) {
        const auto frame = destination_->read(kPatience);
        ASSERT_TRUE(frame) << frame.error().message;
        EXPECT_EQ(frame->call(), call);
    }
    EXPECT_EQ(source_->read(kPatience)->call(), 4U);
}

TEST_F(Connection, CarriesLongFrames) {
    constexpr std::size_t kLong = 3'000'000;
    std::jthread writer{[&] { EXPECT_TRUE(source_->write(view_of(kLong))); }};

    const auto frame = destination_->read(kPatience);

    ASSERT_TRUE(frame) << frame.error().message;
    EXPECT_EQ(frame->view().directories(0).path().size(), kLong);
}

TEST_F(Connection, KeepsFramesWholeThatManyWriteAtOnce) {
    constexpr std::uint64_t kWriters = 4;
    constexpr std::uint64_t kFrames = 40;
    std::vector<std::jthread> writers;
    for (std::uint64_t writer = 0; writer < kWriters; ++writer) {
        writers.emplace_back([&, writer] {
            for (std::uint64_t i = 0; i < kFrames; ++i) {
                peer::Frame frame = view_of(i * 37'337 % 500'000);  // Longer than buffers are.
                frame.set_call(writer * kFrames + i);
                EXPECT_TRUE(source_->write(frame));
            }
        });
    }

    std::map<std::uint64_t, std::uint64_t> next;  // Each writer's frames keep their order.
    for (std::uint64_t i = 0; i < kWriters * kFrames; ++i) {
        const auto frame = destination_->read(kPatience);
        ASSERT_TRUE(frame) << frame.error().message;
        EXPECT_EQ(frame->call() % kFrames, next[frame->call() / kFrames]++);
    }
}

TEST_F(Connection, RefusesToWriteAFrameThatNobodyWouldRead) {
    const auto status = source_->write(view_of(kFrameBytesMax));

    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Code::Internal);
    ASSERT_TRUE(source_->write(ping(1))) << "nothing of it was sent, so the connection is good";
    EXPECT_EQ(destination_->read(kPatience)->call(), 1U);
}

// ------------------------------------------------------------------------------------------
// silence

TEST_F(RawPeer, ThatSaysNothingIsAskedAgain) {
    for (const base::Millis timeout : {base::Millis{0}, base::Millis{1}}) {
        const auto nothing = channel_->read(timeout);
        ASSERT_FALSE(nothing);
        EXPECT_EQ(nothing.error().code, Code::Again);
    }

    send(wire(ping(1)));
    EXPECT_EQ(channel_->read(kPatience)->call(), 1U);
}

TEST_F(RawPeer, MaySendAFrameByteByByte) {
    auto frame = std::async(std::launch::async, [&] { return channel_->read(kPatience); });
    for (const char byte : wire(ping(7))) send({&byte, 1});

    const auto read = frame.get();

    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->call(), 7U);
}

TEST_F(RawPeer, MayEndTheConnectionBetweenFrames) {
    send(wire(ping(1)));
    raw_.close();

    EXPECT_TRUE(channel_->read(kPatience));
    expect_refused(Code::PeerLost);
    expect_refused(Code::PeerLost);
}

TEST_F(RawPeer, IsLostWhenItCutsAFrame) {
    const std::string whole = wire(view_of(100));
    for (std::size_t length = 1; length < whole.size(); length += 13) {
        ServerSocket listener{SocketAddress{"127.0.0.1", 0}};
        raw_ = StreamSocket{listener.address()};
        channel_ = std::make_unique<Channel>(listener.acceptConnection());

        send(std::string_view{whole}.substr(0, length));
        raw_.close();

        expect_refused(Code::PeerLost);
    }
}

// -----------------------------------------------------------------------------------------
// nonsense

TEST_F(RawPeer, IsGivenUpForAFrameThatIsTooLong) {
    send(head(kFrameBytesMax + 1));

    expect_refused(Code::InvalidArgument);
}

TEST_F(RawPeer, IsGivenUpForAHeadOfLetters) {
    send("GET / HTTP/1.1\r\n\r\n");

    expect_refused(Code::InvalidArgument);
}

TEST_F(RawPeer, IsGivenUpForAFrameThatIsNone) {
    send(head(4) + "\xFF\xFF\xFF\xFF");

    expect_refused(Code::InvalidArgument);
}

TEST_F(RawPeer, MaySendAnyBytesAtAll) {
    std::mt19937 random{11};
    for (int round = 0; round < 200; ++round) {
        ServerSocket listener{SocketAddress{"127.0.0.1", 0}};
        raw_ = StreamSocket{listener.address()};
        channel_ = std::make_unique<Channel>(listener.acceptConnection());
        std::string bytes = head(static_cast<std::uint32_t>(random() % 64));
        for (int i = 0; i < 64; ++i) bytes += static_cast<char>(random());
        send(bytes);
        raw_.close();

        // Whatever is made of it: it ends.
        for (int frames = 0; frames < 64; ++frames) {
            const auto frame = channel_->read(kPatience);
            if (!frame) {
                EXPECT_NE(frame.error().code, Code::Again);
                break;
            }
        }
    }
}

// -------------------------------------------------------------------------------------------
// ending

TEST_F(RawPeer, NobodyWaitsForWhatIsShut) {
    auto reader = std::async(std::launch::async, [&] { return channel_->read(kPatience); });

    channel_->shut();

    EXPECT_EQ(reader.get().error().code, Code::PeerLost);
    EXPECT_EQ(channel_->read(kPatience).error().code, Code::PeerLost);
    EXPECT_EQ(channel_->write(ping(1)).error().code, Code::PeerLost);
}

TEST_F(RawPeer, NobodyWaitsForTheRestOfAFrameOfWhatIsShut) {
    send(head(1'000) + "begin");
    auto reader = std::async(std::launch::async, [&] { return channel_->read(kPatience); });

    channel_->shut();

    EXPECT_EQ(reader.get().error().code, Code::PeerLost);
}

TEST_F(RawPeer, ThatReadsNoMoreIsLostToItsWriterToo) {
    raw_.setLinger(true, 0);
    raw_.close();  // With a reset.

    Status status;
    for (int i = 0; status && i < 100; ++i) status = channel_->write(ping(1));

    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Code::PeerLost);
    expect_refused(Code::PeerLost);
}

// ---------------------------------------------------------------------------------------
// connecting

TEST(Connecting, ToNobodyIsUnavailable) {
    // Bound, so that nobody else gets the port, and not listened on.
    Poco::Net::StreamSocket bound;
    bound.impl()->bind(SocketAddress{"127.0.0.1", 0});

    const auto channel = Channel::connect(bound.address().toString(), kPatience);

    ASSERT_FALSE(channel);
    EXPECT_EQ(channel.error().code, Code::Unavailable);
    EXPECT_THAT(channel.error().message, HasSubstr(bound.address().toString()));
}

TEST(Connecting, ToWhatIsNoAddressIsTheCallersMistake) {
    for (const char* address : {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:nonsense",
                                "127.0.0.1:99999", "[::1", "[::1]"}) {
        const auto channel = Channel::connect(address, kPatience);

        ASSERT_FALSE(channel) << address;
        EXPECT_EQ(channel.error().code, Code::InvalidArgument)
            << address << ": " << channel.error().message;
    }
}

TEST(Connecting, TakesAddressesAsTheyAreJoined) {
    EXPECT_EQ(join_address("10.0.0.1", 80), "10.0.0.1:80");
    EXPECT_EQ(join_address("host.example", 65'535), "host.example:65535");
    EXPECT_EQ(join_address("fd00::1", 80), "[fd00::1]:80");
    EXPECT_EQ(join_address("[fd00::1]", 80), "[fd00::1]:80");
}

TEST(Silence, IsBornForTwoThirdsOfALeaseAtTheMost) {
    EXPECT_EQ(silence_max(0), kPeerSilenceMax) << "nothing is leased";
    EXPECT_EQ(silence_max(3), base::Millis{2'000});
    EXPECT_EQ(silence_max(15), kPeerSilenceMax);
    EXPECT_EQ(silence_max(UINT32_MAX), kPeerSilenceMax);
}

}  // namespace
}  // namespace godwit::transfer
