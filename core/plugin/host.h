// Finds, checks and loads plugins, and makes their objects.
//
// A plugin is a file godwit_<kind>_<name>.so in one of a few configured folders. It is loaded once,
// at the start, and stays: fabric libraries own threads and exit handlers that must not lose their
// code. Its descriptor is checked before any of its functions runs; every refusal is one line that
// names the file, the reason and what was available.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.h"
#include "base/result.h"
#include "config/settings.h"
#include "godwit/sdk/assignment_policy.h"
#include "godwit/sdk/plugin.h"
#include "godwit/sdk/state_store.h"
#include "godwit/sdk/transport.h"

namespace godwit::plugin {

// The folder that belongs to the running executable: <bin>/../lib/godwit/plugins.
std::string default_folder();

struct Listed {
    std::string file;
    const sdk::PluginDescriptor* descriptor = nullptr;  // Null: `problem` says why.
    std::string problem;
};

// Thread-compatible. The objects that it makes keep what they need alive; destroy them before exit.
class PluginHost {
public:
    // `folders` are absolute; empty means default_folder(). `metrics` outlives everything made.
    PluginHost(std::vector<std::string> folders, base::Metrics& metrics);

    Result<std::shared_ptr<sdk::StateStore>> make_store(const config::PluginChoice& choice);
    Result<std::shared_ptr<sdk::AssignmentPolicy>> make_policy(const config::PluginChoice& choice);
    Result<std::shared_ptr<sdk::Transport>> make_transport(const config::PluginChoice& choice);

    // Whether the plugin is there and knows the options by name and type; makes nothing. What a
    // type does not show is checked when it is made.
    Status check(sdk::PluginKind kind, const config::PluginChoice& choice) const;

    // Everything in the folders that is named like a plugin, loaded and checked, by file name.
    std::vector<Listed> list() const;

private:
    template <class Interface>
    Result<std::shared_ptr<Interface>> make(sdk::PluginKind kind,
                                            const config::PluginChoice& choice);

    std::vector<std::string> folders_;
    base::Metrics& metrics_;
};

}  // namespace godwit::plugin
