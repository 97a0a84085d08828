#include "files/listing.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include <climits>
#include <filesystem>

#include "files/publish.h"
#include "open_folder.h"

namespace godwit::files {
namespace {

namespace fs = std::filesystem;
using test_support::write_text;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class Listing : public OpenFolder {
protected:
    void touch(const std::string& name) const { write_text(path(name), ""); }
    EntryType type_of(const std::string& name) const {
        const auto entry = entry_at(fd(), name);
        EXPECT_TRUE(entry) << name;
        return entry ? entry->attributes.type : EntryType::File;
    }
};

TEST_F(Listing, OfAnEmptyDirectoryIsEmpty) {
    EXPECT_THAT(*names_in(fd()), IsEmpty());
    EXPECT_THAT(*temporaries_in(fd()), IsEmpty());
}

TEST_F(Listing, StandsInTheOrderOfBytes) {
    for (const char* name : {"b", "a", "B", "ab", "a\xFF", "a-", "10", "9", "\x01", "\xC3\xA9"}) {
        touch(name);
    }

    EXPECT_THAT(*names_in(fd()),
                ElementsAre("\x01", "10", "9", "B", "a", "a-", "ab", "a\xFF", "b", "\xC3\xA9"));
}

TEST_F(Listing, HasNamesOfAnyBytesAndOfFullLength) {
    std::vector<std::string> names{std::string(NAME_MAX, 'n'),
                                   std::string(NAME_MAX, '\xFF'),
                                   "...",
                                   "..a",
                                   " ",
                                   "new\nline",
                                   "back\\slash",
                                   "\x7F",
                                   ".hidden"};
    for (const std::string& name : names) touch(name);
    std::sort(names.begin(), names.end());

    EXPECT_THAT(*names_in(fd()), ElementsAreArray(names));
}

TEST_F(Listing, OfManyNamesIsWhole) {
    std::vector<std::string> names;
    for (int i = 0; i < 3000; ++i) names.push_back(std::string(200, 'x') + std::to_string(i));
    for (const std::string& name : names) {
        ASSERT_EQ(::mknodat(fd(), name.c_str(), S_IFREG | 0600, 0), 0);
    }
    std::sort(names.begin(), names.end());

    EXPECT_THAT(*names_in(fd()), ElementsAreArray(names));
}

TEST_F(Listing, HidesOurOwnTemporariesAndFindsThemApart) {
    const std::string temporary = temporary_name("file", 7);
    touch(temporary);
    touch("file");
    touch(".godwit.of-somebody-else");

    EXPECT_THAT(*names_in(fd()), ElementsAre(".godwit.of-somebody-else", "file"));
    EXPECT_THAT(*temporaries_in(fd()), UnorderedElementsAre(temporary));
}

TEST_F(Listing, CanBeMadeTwiceFromOneDescriptorAndFromOneForPathsOnly) {
    touch("file");
    const base::UniqueFd path_only{::open(path().c_str(), O_PATH | O_CLOEXEC)};

    EXPECT_THAT(*names_in(fd()), ElementsAre("file"));
    EXPECT_THAT(*names_in(fd()), ElementsAre("file"));
    EXPECT_THAT(*names_in(path_only.get()), ElementsAre("file"));
}

TEST_F(Listing, OfWhatIsNoDirectoryIsAnError) {
    touch("file");
    const base::UniqueFd file{::open(path("file").c_str(), O_RDONLY | O_CLOEXEC)};

    const auto names = names_in(file.get());

    ASSERT_FALSE(names);
    EXPECT_EQ(names.error().native, ENOTDIR);
}

TEST_F(Listing, AnEntryThatHasVanishedIsNotFound) {
    const auto entry = entry_at(fd(), "gone");

    ASSERT_FALSE(entry);
    EXPECT_EQ(entry.error().code, Code::NotFound);
}

TEST_F(Listing, AnEntryHasItsNameItsTypeAndItsSize) {
    write_text(path("file"), "12345");
    fs::create_directory(path("folder"));
    fs::create_symlink("file", path("link"));

    const auto file = entry_at(fd(), "file");

    ASSERT_TRUE(file);
    EXPECT_EQ(file->name, "file");
    EXPECT_EQ(file->attributes.type, EntryType::File);
    EXPECT_EQ(file->attributes.size, 5U);
    EXPECT_EQ(type_of("folder"), EntryType::Directory);
    EXPECT_EQ(type_of("link"), EntryType::Symlink) << "followed";
}

TEST_F(Listing, SpecialFilesAreKnownByTheirType) {
    ASSERT_EQ(::mkfifoat(fd(), "fifo", 0600), 0);
    const base::UniqueFd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path("socket").copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);

    for (const auto& [name, type] :
         {std::pair{"fifo", EntryType::Fifo}, std::pair{"socket", EntryType::Socket}}) {
        EXPECT_EQ(type_of(name), type);
        EXPECT_TRUE(is_special(type_of(name)));
    }
    EXPECT_FALSE(is_special(EntryType::File));
    EXPECT_FALSE(is_special(EntryType::Directory));
    EXPECT_FALSE(is_special(EntryType::Symlink));
}

TEST_F(Listing, DevicesAreKnownByTheirType) {
    if (::mknodat(fd(), "null", S_IFCHR | 0600, makedev(1, 3)) != 0 ||
        ::mknodat(fd(), "disk", S_IFBLK | 0600, makedev(7, 0)) != 0) {
        GTEST_SKIP() << "devices are made by root only";
    }

    EXPECT_EQ(type_of("null"), EntryType::CharDevice);
    EXPECT_EQ(type_of("disk"), EntryType::BlockDevice);
}

TEST_F(Listing, ALinkIsReadWholeWhateverItSays) {
    for (const std::string& target : {std::string{"x"}, std::string{"/nowhere/\xFF\n at all"},
                                      std::string(PATH_MAX - 1, 't')}) {
        ASSERT_EQ(::symlinkat(target.c_str(), fd(), "link"), 0);

        const auto read = read_link(fd(), "link");

        ASSERT_TRUE(read);
        EXPECT_EQ(*read, target);
        ASSERT_EQ(::unlinkat(fd(), "link", 0), 0);
    }
}

TEST_F(Listing, WhatIsNoLinkCannotBeReadAsOne) {
    touch("file");

    EXPECT_EQ(errno_of(read_link(fd(), "file")), EINVAL);
    EXPECT_EQ(errno_of(read_link(fd(), "gone")), ENOENT);
}

}  // namespace
}  // namespace godwit::files
