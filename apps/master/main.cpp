// godwit-master: takes sync requests over REST and hands work to agents.
#include <charconv>
#include <optional>

#include "common/service.h"
#include "config/settings.h"
#include "master/master.h"
#include "plugin/host.h"

namespace godwit::apps {
namespace {

using Poco::Util::Option;

class MasterService final : public Service {
protected:
    std::string description() const override {
        return "The master of Godwit: takes sync requests over REST and hands work to agents.";
    }
    std::string examples() const override {
        return "  godwit-master --config config/example_master.yml --host 127.0.0.1 --port 8888\n"
               "  godwit-master --config /etc/godwit/master.yml --check-config\n"
               "  godwit-master --config /etc/godwit/master.yml --daemon --pidfile "
               "/run/godwit/master.pid\n"
               "      with, in that file: log: {file: /var/log/godwit/master.log}\n";
    }
    void define_more(Poco::Util::OptionSet& options) override {
        options.addOption(
            Option{"host", "", "listen on this address (listen.host)", false, "HOST", true});
        options.addOption(
            Option{"port", "p", "listen on this port, 0: any (listen.port)", false, "PORT", true});
    }
    Status take_option(const std::string& name, const std::string& value) override {
        if (name == "host") {
            host_ = value;
            return {};
        }
        std::uint16_t port = 0;
        const auto [stop, error] = std::from_chars(value.data(), value.data() + value.size(), port);
        if (error != std::errc{} || stop != value.data() + value.size()) {
            return Error{Code::InvalidArgument, "expected 0..65535, got '" + value + "'"};
        }
        port_ = port;
        return {};
    }
    Status configure(const sdk::Value& root) override {
        auto settings = config::read_master(root);
        if (!settings) return std::move(settings).error();
        settings_ = std::move(*settings);
        if (host_) settings_.listen.host = *host_;
        if (port_) settings_.listen.port = *port_;
        return master::Master::check(settings_);
    }
    std::string effective_config() const override { return config::print(settings_); }
    base::LogSettings log_settings() const override { return settings_.log; }

    Status check_plugins() override {
        plugin::PluginHost host{settings_.plugin_path, metrics()};
        if (auto status = host.check(sdk::PluginKind::StateStore, settings_.store); !status) {
            return status;
        }
        return host.check(sdk::PluginKind::AssignmentPolicy, settings_.policy);
    }
    Result<std::string> start() override {
        plugin::PluginHost host{settings_.plugin_path, metrics()};
        auto store = host.make_store(settings_.store);
        if (!store) return std::move(store).error();
        auto policy = host.make_policy(settings_.policy);
        if (!policy) return std::move(policy).error();
        auto master =
            master::Master::start(settings_, std::move(*store), std::move(*policy), metrics(),
                                  R"({"name":"godwit-master","version":")" GODWIT_VERSION R"("})");
        if (!master) return std::move(master).error();
        master_ = std::move(*master);
        return "listening on " + settings_.listen.host + ":" + std::to_string(master_->port());
    }
    void stop(base::Millis patience) override { master_->stop(patience); }

private:
    std::optional<std::string> host_;
    std::optional<std::uint16_t> port_;
    config::MasterSettings settings_;
    std::unique_ptr<master::Master> master_;
};

}  // namespace
}  // namespace godwit::apps

int main(int argc, char** argv) {
    return godwit::apps::MasterService{}.serve(argc, argv);
}
