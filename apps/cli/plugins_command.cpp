// godwit plugins: what is installed here. Asks no master.
#include <iostream>

#include "base/metrics.h"
#include "cli/commands.h"
#include "cli/master_call.h"
#include "cli/outcome.h"
#include "model/writer.h"
#include "plugin/host.h"

namespace godwit::cli {
namespace {

void print_plugin(const plugin::Listed& listed) {
    if (listed.descriptor == nullptr) {
        std::cout << "BROKEN  " << listed.problem << "\n";
        return;
    }
    const sdk::PluginDescriptor& found = *listed.descriptor;
    std::cout << sdk::to_string(found.kind) << " " << found.name << " " << found.version << "  "
              << found.summary << "\n        " << listed.file << "\n";
    for (std::size_t i = 0; i < found.option_count; ++i) {
        const sdk::OptionSpec& option = found.options[i];
        std::cout << "        " << option.name << " (" << to_string(option.type) << ", default "
                  << (*option.fallback == '\0' ? "none" : option.fallback) << "): " << option.help
                  << "\n";
    }
}

void write_plugin(model::Writer& json, const plugin::Listed& listed) {
    json.object([&] {
        json.member("file", listed.file);
        if (listed.descriptor == nullptr) {
            json.member("problem", listed.problem);
            return;
        }
        const sdk::PluginDescriptor& found = *listed.descriptor;
        json.member("kind", sdk::to_string(found.kind));
        json.member("name", found.name);
        json.member("version", found.version);
        json.member("summary", found.summary);
        json.list("options", [&] {
            for (std::size_t i = 0; i < found.option_count; ++i) {
                json.object([&] {
                    json.member("name", found.options[i].name);
                    json.member("type", to_string(found.options[i].type));
                    json.member("default", found.options[i].fallback);
                    json.member("help", found.options[i].help);
                });
            }
        });
    });
}

}  // namespace

int plugins(const CommandLine& line) {
    base::Metrics metrics;
    const plugin::PluginHost host{line.plugin_path, metrics};
    const auto listed = host.list();
    if (line.json) {
        model::Writer json;
        json.array([&] {
            for (const plugin::Listed& plugin : listed) write_plugin(json, plugin);
        });
        std::cout << std::move(json).text() << "\n";
        return kDone;
    }
    if (listed.empty()) {
        return fail({kUsage, "no plugins found in " + (line.plugin_path.empty()
                                                           ? plugin::default_folder()
                                                           : line.plugin_path.front())});
    }
    for (const plugin::Listed& plugin : listed) print_plugin(plugin);
    return kDone;
}

}  // namespace godwit::cli
