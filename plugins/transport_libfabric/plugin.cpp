#include "godwit/sdk/plugin.h"

#include <memory>
#include <string>
#include <utility>

#include "godwit/sdk/transport.h"
#include "rail.h"
#include "settings.h"

namespace godwit::transport_libfabric {
namespace {

class LibfabricTransport final : public sdk::Transport {
public:
    LibfabricTransport(const Settings& settings, const sdk::Host& host)
        : settings_{settings},
          host_{host},
          wire_{"libfabric/" + std::string{settings.provider->name}} {}

    std::string_view wire() const noexcept override { return wire_; }

    sdk::Result<std::unique_ptr<sdk::Rail>> open_rail(const sdk::RailSpec& spec) noexcept override {
        return LibfabricRail::open(settings_, wire_, spec, host_);
    }

private:
    const Settings settings_;
    const sdk::Host host_;
    const std::string wire_;
};

sdk::Result<std::unique_ptr<sdk::Transport>> create(const sdk::Options& options,
                                                    const sdk::Host& host) noexcept {
    auto settings = read_settings(options);
    if (!settings) return std::move(settings).error();
    export_settings(*settings);
    return std::unique_ptr<sdk::Transport>{std::make_unique<LibfabricTransport>(*settings, host)};
}

}  // namespace
}  // namespace godwit::transport_libfabric

GODWIT_TRANSPORT_PLUGIN("libfabric", "1.0.0", "libfabric providers: TCP, verbs, EFA, shared memory",
                        godwit::transport_libfabric::kOptions, godwit::transport_libfabric::create)
