#include "wire.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace godwit::transport_ucx {
namespace {

constexpr GetName kName{7, 0x1122'3344'5566'7788};

Key some_key() {
    Key key{42, 9, {}};
    for (std::size_t i = 0; i < key.secret.size(); ++i) key.secret[i] = static_cast<std::byte>(i);
    return key;
}

RailAddress some_address(const char* ip = "192.0.2.7") {
    return {0x0102'0304'0506'0708, SocketAddress::parse(ip)->with_port(4711)};
}

template <class Bytes>
std::vector<std::byte> copy(const Bytes& bytes) {
    return {bytes.begin(), bytes.end()};
}

// Every shorter and one longer form of `good`, and one of the next wire version.
template <class Decode>
void expect_only_exact_form(const std::vector<std::byte>& good, std::size_t version_at,
                            Decode decode) {
    ASSERT_TRUE(decode(good));
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_FALSE(decode(sdk::ByteView{good}.first(size))) << "cut to " << size;
    }
    auto padded = good;
    padded.push_back(std::byte{0});
    EXPECT_FALSE(decode(padded)) << "padded";
    auto newer = good;
    newer[version_at] = std::byte{kWireVersion + 1};
    EXPECT_FALSE(decode(newer)) << "of another version";
}

TEST(Wire, HelloArrivesAsItWasSent) {
    const auto hello = decode_hello(encode(Hello{1, 2, 3}));

    ASSERT_TRUE(hello);
    EXPECT_EQ(hello->instance, 1U);
    EXPECT_EQ(hello->nonce, 2U);
    EXPECT_EQ(hello->sender, 3U);
}

TEST(Wire, GetArrivesAsItWasSent) {
    const auto get = decode_get(encode(Get{kName, some_key(), 5, 6}));

    ASSERT_TRUE(get);
    EXPECT_EQ(get->name.slot, kName.slot);
    EXPECT_EQ(get->name.nonce, kName.nonce);
    EXPECT_EQ(get->key.window, 42U);
    EXPECT_EQ(get->key.epoch, 9U);
    EXPECT_TRUE(is_equal(get->key.secret, some_key().secret));
    EXPECT_EQ(get->offset, 5U);
    EXPECT_EQ(get->length, 6U);
}

TEST(Wire, AnswersArriveAsTheyWereSent) {
    const auto answer = decode_hello_answer(encode(HelloAnswer{2, Greeting::WrongInstance}));
    const auto data = decode_data(encode(Data{kName}));
    const auto refusal = decode_refusal(encode(Refusal{kName}));

    ASSERT_TRUE(answer && data && refusal);
    EXPECT_EQ(answer->nonce, 2U);
    EXPECT_EQ(answer->greeting, Greeting::WrongInstance);
    EXPECT_EQ(data->name.slot, kName.slot);
    EXPECT_EQ(data->name.nonce, kName.nonce);
    EXPECT_EQ(refusal->name.slot, kName.slot);
    EXPECT_EQ(refusal->name.nonce, kName.nonce);
}

TEST(Wire, AddressesOfBothFamiliesArriveAsTheyWereSent) {
    for (const char* ip : {"192.0.2.7", "fd00::7"}) {
        const auto address = decode_address(encode(some_address(ip)));

        ASSERT_TRUE(address) << ip;
        EXPECT_EQ(address->instance, some_address().instance);
        EXPECT_EQ(address->listener.ip_text(), ip);
        EXPECT_EQ(address->listener.port(), 4711);
    }
}

TEST(Wire, MessagesAreTakenInTheirExactFormOnly) {
    expect_only_exact_form(copy(encode(Hello{1, 2, 3})), 0, decode_hello);
    expect_only_exact_form(copy(encode(HelloAnswer{})), 0, decode_hello_answer);
    expect_only_exact_form(copy(encode(Get{kName, some_key(), 5, 6})), 0, decode_get);
    expect_only_exact_form(copy(encode(Data{kName})), 0, decode_data);
    expect_only_exact_form(copy(encode(Refusal{kName})), 0, decode_refusal);
    expect_only_exact_form(encode(some_address()), 3, decode_address);
    expect_only_exact_form(encode(some_address("fd00::7")), 3, decode_address);
}

TEST(Wire, UnknownGreetingIsNoAnswer) {
    auto bytes = encode(HelloAnswer{2, Greeting::Welcome});
    bytes.back() = std::byte{2};

    EXPECT_FALSE(decode_hello_answer(bytes));
}

TEST(Wire, AddressOfAnotherTransportOrWithoutPortIsNone) {
    auto foreign = encode(some_address());
    foreign[0] = std::byte{'l'};
    RailAddress nowhere = some_address();
    nowhere.listener = nowhere.listener.with_port(0);

    EXPECT_FALSE(decode_address(foreign));
    EXPECT_FALSE(decode_address(encode(nowhere)));
}

TEST(Wire, KeyTravelsThroughTheHost) {
    const sdk::WindowKey key = encode(some_key());

    const auto decoded = decode_key(key.view());

    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->window, 42U);
    EXPECT_EQ(decoded->epoch, 9U);
    EXPECT_TRUE(is_equal(decoded->secret, some_key().secret));
    EXPECT_FALSE(decode_key(key.view().first(key.size - 1U)));
    EXPECT_FALSE(decode_key({}));
}

TEST(Wire, SecretsDifferByAnySingleBit) {
    const Secret secret = some_key().secret;
    for (std::size_t bit = 0; bit < 8 * secret.size(); ++bit) {
        Secret other = secret;
        other[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));

        EXPECT_FALSE(is_equal(secret, other)) << "bit " << bit;
    }
    EXPECT_TRUE(is_equal(secret, secret));
}

TEST(Wire, GarbageOfAnySizeIsReadWithoutHarm) {
    std::mt19937 random{1};
    for (int round = 0; round < 20'000; ++round) {
        std::vector<std::byte> bytes(random() % 100);
        std::ranges::generate(bytes, [&] { return static_cast<std::byte>(random()); });
        if (!bytes.empty()) bytes[0] = std::byte{kWireVersion};

        const auto hello = decode_hello(bytes);
        const auto get = decode_get(bytes);
        EXPECT_EQ(hello.has_value(), bytes.size() == kHelloBytes);
        EXPECT_EQ(get.has_value(), bytes.size() == kGetBytes);
        decode_hello_answer(bytes);
        decode_refusal(bytes);
        decode_data(bytes);
        decode_address(bytes);
        decode_key(bytes);
    }
}

}  // namespace
}  // namespace godwit::transport_ucx
