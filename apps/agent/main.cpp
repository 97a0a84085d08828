// godwit-agent: moves the bytes. One runs on every storage node.
#include <cstdlib>

#include "agent/agent.h"
#include "base/ids.h"
#include "common/service.h"
#include "config/settings.h"
#include "plugin/host.h"

namespace godwit::apps {
namespace {

using Poco::Util::Option;

class AgentService final : public Service {
protected:
    std::string description() const override {
        return "The agent of Godwit: takes work from the master and moves the bytes. One runs on "
               "every storage node.";
    }
    std::string examples() const override {
        return "  godwit-agent --worker-id worker-a --config config/example_agent.yml\n"
               "  AGENT_LOG_LEVEL=debug godwit-agent --worker-id worker-a --config "
               "/etc/godwit/agents.yml\n";
    }
    void define_more(Poco::Util::OptionSet& options) override {
        options.addOption(Option{"worker-id", "w", "which entry of the file's `workers` this is",
                                 false, "ID", true});
    }
    Status take_option(const std::string&, const std::string& value) override {
        worker_ = value;
        return {};
    }
    Status configure(const sdk::Value& root) override {
        if (worker_.empty()) {
            return Error{Code::InvalidArgument, "--worker-id is missing: which worker is this?"};
        }
        auto settings = config::read_agent(root, worker_);
        if (!settings) return std::move(settings).error();
        settings_ = std::move(*settings);
        const char* level = std::getenv("AGENT_LOG_LEVEL");
        if (level != nullptr && *level != '\0') {
            const auto parsed = base::parse_log_level(level);
            if (!parsed) return wrap(parsed.error(), "AGENT_LOG_LEVEL");
            settings_.log.level = *parsed;
        }
        return agent::Agent::check(settings_);
    }
    std::string effective_config() const override { return config::print(settings_); }
    base::LogSettings log_settings() const override { return settings_.log; }

    Status check_plugins() override {
        plugin::PluginHost host{settings_.plugin_path, metrics()};
        for (const config::PluginChoice& choice : settings_.transports) {
            if (auto status = host.check(sdk::PluginKind::Transport, choice); !status) {
                return status;
            }
        }
        return {};
    }
    Result<std::string> start() override {
        plugin::PluginHost host{settings_.plugin_path, metrics()};
        std::vector<std::shared_ptr<sdk::Transport>> transports;
        for (const config::PluginChoice& choice : settings_.transports) {
            auto transport = host.make_transport(choice);
            if (!transport) return std::move(transport).error();
            transports.push_back(std::move(*transport));
        }
        auto agent = agent::Agent::start(settings_, std::move(transports));
        if (!agent) return std::move(agent).error();
        agent_ = std::move(*agent);
        return "worker " + settings_.worker_id + " of " + settings_.master_url;
    }
    void stop(base::Millis patience) override { agent_->stop(patience); }

private:
    std::string worker_;
    config::AgentSettings settings_;
    std::unique_ptr<agent::Agent> agent_;
};

}  // namespace
}  // namespace godwit::apps

int main(int argc, char** argv) {
    return godwit::apps::AgentService{}.serve(argc, argv);
}
