// One loaded plugin file. The adapter to Boost.DLL: nothing else includes it.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "godwit/sdk/plugin.h"

namespace godwit::plugin {

// Immutable; thread-safe.
class Library {
public:
    // Loads the file with everything resolved at once and nothing shared with other plugins, and
    // checks its descriptor. InvalidArgument: one line with the file and the reason.
    static Result<std::shared_ptr<const Library>> load(const std::string& file);

    const sdk::PluginDescriptor& descriptor() const noexcept { return *descriptor_; }
    const std::string& file() const noexcept { return file_; }

private:
    Library(std::string file, const sdk::PluginDescriptor* descriptor) noexcept
        : file_{std::move(file)}, descriptor_{descriptor} {}

    std::string file_;
    const sdk::PluginDescriptor* descriptor_;  // Lives in the library, which is never unloaded.
};

// Whether only root, the user of this process and the owner of its executable can change the file
// or put another in its place.
Status check_ownership(const std::string& file);

}  // namespace godwit::plugin
