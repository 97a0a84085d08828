#include "transfer/payload.h"

#include <gtest/gtest.h>

#include <random>

#include "godwit/sdk/types.h"

namespace godwit::transfer {
namespace {

std::string random_bytes(std::size_t count, std::uint32_t seed) {
    std::mt19937 random{seed};
    std::string bytes(count, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    return bytes;
}

// A pack of some files with odd names.
work::Work pack_of(int files) {
    work::Work work;
    work.set_roots(work::FILE_INTO_TREE);
    work::DirectoryFiles& directory = *work.mutable_pack()->add_directories();
    directory.set_path("folder/\xFF\n");
    for (int i = 0; i < files; ++i) {
        work::FileEntry& file = *directory.add_files();
        file.set_name("file-" + std::to_string(i) + "\xC3");
        file.set_type(i % 2 == 0 ? work::FILE : work::SYMLINK);
        file.set_link_target(std::string("x\0y", 3));
        file.mutable_attributes()->set_mode(04755);
        file.mutable_attributes()->set_size(UINT64_MAX);
        file.mutable_attributes()->set_mtime_ns(INT64_MIN);
        file.set_replans(static_cast<std::uint32_t>(i));
    }
    return work;
}

void expect_refused(const Result<work::Work>& opened) {
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Code::InvalidArgument);
}

TEST(Payload, IsOpenedAsItWasSealed) {
    for (const work::Work& work : {work::Work{}, pack_of(0), pack_of(1), pack_of(1'000)}) {
        const auto sealed = seal_payload(work);
        ASSERT_TRUE(sealed) << sealed.error().message;

        const auto opened = open_payload(*sealed);

        ASSERT_TRUE(opened) << opened.error().message;
        EXPECT_EQ(opened->SerializeAsString(), work.SerializeAsString());
    }
}

TEST(Payload, OfNamesThatResembleEachOtherIsShort) {
    const work::Work work = pack_of(1'000);

    EXPECT_LT(seal_payload(work)->size(), work.ByteSizeLong() / 4);
}

TEST(Payload, ThatIsTooLongIsNotSealed) {
    work::Work long_plain = pack_of(1);
    long_plain.mutable_pack()->mutable_directories(0)->set_path(std::string(kWorkBytesMax, 'x'));
    work::Work long_sealed = pack_of(1);
    long_sealed.mutable_pack()->mutable_directories(0)->set_path(
        random_bytes(sdk::kPayloadBytesMax + 1, 1));

    for (const work::Work& work : {long_plain, long_sealed}) {
        const auto sealed = seal_payload(work);

        ASSERT_FALSE(sealed);
        EXPECT_EQ(sealed.error().code, Code::InvalidArgument);
    }
}

TEST(Payload, ThatIsCutAnywhereIsRefused) {
    const std::string sealed = *seal_payload(pack_of(20));

    for (std::size_t length = 0; length < sealed.size(); ++length) {
        expect_refused(open_payload(std::string_view{sealed}.substr(0, length)));
    }
    expect_refused(open_payload(sealed + "x"));
}

TEST(Payload, ThatIsDamagedIsRefusedOrReadAsSomethingButNeverMore) {
    const std::string sealed = *seal_payload(pack_of(20));
    std::mt19937 random{7};

    for (int round = 0; round < 2'000; ++round) {
        std::string damaged = sealed;
        for (int i = 0; i <= round % 4; ++i) {
            damaged[random() % damaged.size()] ^= static_cast<char>(1U << (random() % 8));
        }

        const auto opened = open_payload(damaged);

        if (opened) {
            EXPECT_LE(opened->ByteSizeLong(), kWorkBytesMax);
        } else {
            EXPECT_EQ(opened.error().code, Code::InvalidArgument);
        }
    }
}

TEST(Payload, OfForeignBytesIsRefused) {
    expect_refused(open_payload("hello, I am no payload"));
    for (std::uint32_t seed = 0; seed < 500; ++seed) {
        expect_refused(open_payload(random_bytes(seed, seed)));
    }
}

// RFC 8878: magic number, a descriptor that announces eight bytes of content size, the size.
TEST(Payload, ThatPromisesToBecomeHugeIsRefusedBeforeItIsUnpacked) {
    std::string bomb{"\x28\xB5\x2F\xFD\xE0"};
    for (int i = 0; i < 8; ++i) bomb += static_cast<char>(i == 5 ? 1 : 0);  // 2^40 bytes
    bomb += std::string(64, '\0');

    expect_refused(open_payload(bomb));
}

}  // namespace
}  // namespace godwit::transfer
