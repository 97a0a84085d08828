#include "model/options.h"

#include <array>
#include <limits>

#include "model/writer.h"

namespace godwit::model {
namespace {

// In the order of the enumerations; the first word is the default.
constexpr std::array<std::string_view, 3> kDurability{"none", "file", "file_and_directory"};
constexpr std::array<std::string_view, 3> kVerify{"transfer", "readback", "none"};
constexpr std::array<std::string_view, 3> kSymlinks{"preserve", "follow", "skip"};

template <class Enumeration, std::size_t N>
std::string_view word(const std::array<std::string_view, N>& words, Enumeration value) {
    return words[static_cast<std::size_t>(value)];
}

}  // namespace

RequestOptions read_options(const Poco::Dynamic::Var& value, Location location,
                            std::vector<FieldError>& errors) {
    RequestOptions options;
    ObjectReader read{value, std::move(location), errors};
    options.durability = static_cast<Durability>(read.one_of("durability", kDurability));
    options.verify = static_cast<Verify>(read.one_of("verify", kVerify));
    options.symlinks = static_cast<Symlinks>(read.one_of("symlinks", kSymlinks));
    options.priority = static_cast<std::int32_t>(read.integer("priority", 0, -1000, 1000));
    options.max_failures = static_cast<std::uint64_t>(
        read.integer("max_failures", 0, 0, std::numeric_limits<std::int64_t>::max()));
    options.mount_wait_seconds =
        static_cast<std::uint32_t>(read.integer("mount_wait_seconds", 0, 0, 30 * 24 * 3600));
    read.refuse_unknown();
    return options;
}

void write_options(Writer& json, const RequestOptions& options) {
    json.member("durability", word(kDurability, options.durability));
    json.member("verify", word(kVerify, options.verify));
    json.member("symlinks", word(kSymlinks, options.symlinks));
    json.member("priority", options.priority);
    json.member("max_failures", options.max_failures);
    json.member("mount_wait_seconds", options.mount_wait_seconds);
}

}  // namespace godwit::model
