#include "plugin/host.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <type_traits>

#include "base/bytes.h"
#include "base/log.h"
#include "godwit/sdk/nearest.h"
#include "plugin/library.h"

namespace godwit::plugin {
namespace {

constexpr std::string_view kSuffix = ".so";
constexpr std::size_t kFilesPerFolderMax = 1024;

const base::Log kLog{"plugin"};

std::string prefix_of(sdk::PluginKind kind) {
    return std::string{"godwit_"} + sdk::to_string(kind) + "_";
}

bool is_plugin_name(std::string_view name) {
    return !name.empty() && name.size() <= 64 &&
           name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") ==
               std::string_view::npos;
}

// File names in the folder that begin so and end in ".so", sorted.
std::vector<std::string> files_in(const std::string& folder, const std::string& prefix) {
    std::vector<std::string> files;
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator{folder, failed}) {
        const std::string name = entry.path().filename();
        if (name.starts_with(prefix) && name.ends_with(kSuffix)) files.push_back(name);
        if (files.size() == kFilesPerFolderMax) break;
    }
    std::sort(files.begin(), files.end());
    return files;
}

std::vector<std::string> names_of(const std::vector<std::string>& folders, sdk::PluginKind kind) {
    const std::string prefix = prefix_of(kind);
    std::vector<std::string> names;
    for (const std::string& folder : folders) {
        for (const std::string& file : files_in(folder, prefix)) {
            names.push_back(
                file.substr(prefix.size(), file.size() - prefix.size() - kSuffix.size()));
        }
    }
    return names;
}

Result<std::string> find_file(const std::vector<std::string>& folders, sdk::PluginKind kind,
                              const std::string& name) {
    for (const std::string& folder : folders) {
        const std::string file = folder + "/" + prefix_of(kind) + name + std::string{kSuffix};
        std::error_code ignored;
        if (is_plugin_name(name) && std::filesystem::exists(file, ignored)) return file;
    }
    const std::vector<std::string> names = names_of(folders, kind);
    const std::vector<std::string_view> known{names.begin(), names.end()};
    std::string where;
    for (const std::string& folder : folders) where += (where.empty() ? "" : ", ") + folder;
    return Error{Code::NotFound, sdk::unknown_name(std::string{sdk::to_string(kind)} + " plugin",
                                                   base::printable(name, 64), known) +
                                     " in " + where};
}

template <class Interface>
sdk::Factory<Interface> factory_of(const sdk::PluginDescriptor& descriptor) {
    if constexpr (std::is_same_v<Interface, sdk::StateStore>) {
        return descriptor.make_state_store;
    } else if constexpr (std::is_same_v<Interface, sdk::AssignmentPolicy>) {
        return descriptor.make_assignment_policy;
    } else {
        return descriptor.make_transport;
    }
}

// The bounds are the plugin's: it is not asked for them.
void read_integer(sdk::Reader& read, const char* name) {
    const sdk::Value* value = read.child(name);
    if (value == nullptr) return;
    std::int64_t number = 0;
    const char* const end = value->text.data() + value->text.size();
    const auto [stop, error] = std::from_chars(value->text.data(), end, number);
    if (error == std::errc{} && stop == end) return;
    read.problem(value->at, read.path_of(name), "expected an integer, got '" + value->text + "'");
}

void read_as_declared(sdk::Reader& read, const sdk::OptionSpec& option) {
    switch (option.type) {
    case sdk::OptionType::Text: read.text(option.name, ""); return;
    case sdk::OptionType::Integer: read_integer(read, option.name); return;
    case sdk::OptionType::Boolean: read.boolean(option.name, false); return;
    case sdk::OptionType::TextList: read.texts(option.name); return;
    }
}

// What a plugin's object needs as long as it lives; the object goes first.
template <class Interface>
struct Owner {
    std::shared_ptr<const Library> library;
    std::unique_ptr<base::PluginLogger> logger;
    std::unique_ptr<base::SteadyPluginClock> clock;
    std::unique_ptr<Interface> object;
};

Error at_choice(const config::PluginChoice& choice, Error error) {
    return choice.at.file ? wrap(std::move(error), sdk::to_string(choice.at)) : error;
}

}  // namespace

std::string default_folder() {
    std::error_code ignored;
    const auto executable = std::filesystem::read_symlink("/proc/self/exe", ignored);
    return (executable.parent_path().parent_path() / "lib/godwit/plugins").string();
}

PluginHost::PluginHost(std::vector<std::string> folders, base::Metrics& metrics)
    : folders_{std::move(folders)}, metrics_{metrics} {
    if (folders_.empty()) folders_.push_back(default_folder());
}

template <class Interface>
Result<std::shared_ptr<Interface>> PluginHost::make(sdk::PluginKind kind,
                                                    const config::PluginChoice& choice) {
    const auto file = find_file(folders_, kind, choice.plugin);
    if (!file) return at_choice(choice, file.error());
    auto library = Library::load(*file);
    if (!library) return at_choice(choice, std::move(library).error());
    const sdk::PluginDescriptor& descriptor = (*library)->descriptor();
    const sdk::Factory<Interface> factory = factory_of<Interface>(descriptor);
    if (factory == nullptr || choice.plugin != descriptor.name) {
        return at_choice(
            choice, {Code::InvalidArgument, "plugin " + *file + ": says that it is the " +
                                                sdk::to_string(descriptor.kind) + " '" +
                                                descriptor.name + "': name the file after it"});
    }

    auto owner = std::make_shared<Owner<Interface>>();
    owner->library = *library;
    owner->logger = std::make_unique<base::PluginLogger>(std::string{sdk::to_string(kind)} + "_" +
                                                         descriptor.name);
    owner->clock = std::make_unique<base::SteadyPluginClock>();
    const sdk::Host host{*owner->logger, metrics_, *owner->clock};
    auto made = guard("factory threw", [&] { return factory(choice.options, host); });
    if (!made) {
        return Error{made.error().code, std::string{sdk::to_string(kind)} + " '" + choice.plugin +
                                            "' (" + *file + "): " + made.error().message};
    }
    if (*made == nullptr) {
        return Error{Code::Internal, "plugin " + *file + ": its factory made nothing"};
    }
    owner->object = std::move(*made);
    kLog.info("plugin ready", {{"kind", sdk::to_string(kind)},
                               {"name", descriptor.name},
                               {"version", descriptor.version},
                               {"file", *file}});
    Interface* const object = owner->object.get();
    return std::shared_ptr<Interface>{std::move(owner), object};
}

Result<std::shared_ptr<sdk::StateStore>> PluginHost::make_store(
    const config::PluginChoice& choice) {
    return make<sdk::StateStore>(sdk::PluginKind::StateStore, choice);
}

Result<std::shared_ptr<sdk::AssignmentPolicy>> PluginHost::make_policy(
    const config::PluginChoice& choice) {
    return make<sdk::AssignmentPolicy>(sdk::PluginKind::AssignmentPolicy, choice);
}

Result<std::shared_ptr<sdk::Transport>> PluginHost::make_transport(
    const config::PluginChoice& choice) {
    return make<sdk::Transport>(sdk::PluginKind::Transport, choice);
}

Status PluginHost::check(sdk::PluginKind kind, const config::PluginChoice& choice) const {
    const auto file = find_file(folders_, kind, choice.plugin);
    if (!file) return at_choice(choice, file.error());
    const auto library = Library::load(*file);
    if (!library) return at_choice(choice, library.error());
    const sdk::PluginDescriptor& descriptor = (*library)->descriptor();
    sdk::Reader read{choice.options.values, choice.options.path};
    for (std::size_t i = 0; i < descriptor.option_count; ++i) {
        read_as_declared(read, descriptor.options[i]);
    }
    return read.finish();
}

std::vector<Listed> PluginHost::list() const {
    std::vector<Listed> all;
    for (const std::string& folder : folders_) {
        for (const std::string& name : files_in(folder, "godwit_")) {
            Listed listed;
            listed.file = folder + "/" + name;
            if (auto library = Library::load(listed.file)) {
                listed.descriptor = &(*library)->descriptor();
            } else {
                listed.problem = library.error().message;
            }
            all.push_back(std::move(listed));
        }
    }
    return all;
}

}  // namespace godwit::plugin
