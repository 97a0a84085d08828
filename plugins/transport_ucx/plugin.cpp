#include "godwit/sdk/plugin.h"

#include <memory>
#include <string>
#include <utility>

#include "godwit/sdk/transport.h"
#include "library.h"
#include "rail.h"
#include "settings.h"
#include "ucx_log.h"
#include "wire.h"

namespace godwit::transport_ucx {
namespace {

// From this minor version on, UCX's own tests hold each release against the wire of those before.
constexpr unsigned kMinorOfStableWire = 14;

std::string wire_of(const Settings& settings, const Library& ucx) {
    const std::string release = ucx.version_minor >= kMinorOfStableWire
                                    ? std::to_string(kMinorOfStableWire) + "+"
                                    : std::to_string(ucx.version_minor);
    return "ucx/" + settings.tls + "/1." + release + "/" + std::to_string(kWireVersion);
}

class UcxTransport final : public sdk::Transport {
public:
    UcxTransport(const Library& ucx, Settings settings, const sdk::Host& host)
        : ucx_{ucx},
          settings_{std::move(settings)},
          host_{host},
          log_route_{host.logger},
          wire_{wire_of(settings_, ucx)} {}

    std::string_view wire() const noexcept override { return wire_; }

    sdk::Result<std::unique_ptr<sdk::Rail>> open_rail(const sdk::RailSpec& spec) noexcept override {
        return UcxRail::open(ucx_, settings_, spec, host_);
    }

private:
    const Library& ucx_;
    const Settings settings_;
    const sdk::Host host_;
    const LogRoute log_route_;
    const std::string wire_;
};

sdk::Result<std::unique_ptr<sdk::Transport>> create(const sdk::Options& options,
                                                    const sdk::Host& host) noexcept {
    auto settings = read_settings(options);
    if (!settings) return std::move(settings).error();
    const auto ucx = load_library();
    if (!ucx) return ucx.error();
    if ((*ucx)->was_loaded_before) {
        host.logger.log(sdk::LogLevel::Warning,
                        "ucx was in the process before this plugin: its signal handlers and memory "
                        "hooks may be, too");
    }
    return std::unique_ptr<sdk::Transport>{
        std::make_unique<UcxTransport>(**ucx, std::move(*settings), host)};
}

}  // namespace
}  // namespace godwit::transport_ucx

GODWIT_TRANSPORT_PLUGIN("ucx", "1.0.0", "UCX active messages and rendezvous: TCP, InfiniBand, RoCE",
                        godwit::transport_ucx::kOptions, godwit::transport_ucx::create)
