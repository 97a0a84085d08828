// What master and agent have in common as programs: options, configuration, logging, signals,
// running in the background.
//
// Poco's ServerApplication in a way that avoids its traps: the parent of --daemon waits until the
// service is ready and reports why it is not, signals are blocked before the first thread, and the
// pid file is locked.
#pragma once

#include <Poco/Util/OptionSet.h>
#include <Poco/Util/ServerApplication.h>

#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/metrics.h"
#include "base/result.h"
#include "base/time.h"
#include "common/daemon.h"
#include "godwit/sdk/options.h"

namespace godwit::apps {

inline constexpr int kExitFailure = 1;
inline constexpr int kExitConfig = 78;  // EX_CONFIG of sysexits.h
// A service that was told to stop is gone by then.
inline constexpr base::Millis kStopPatience{4'500};

class Service : public Poco::Util::ServerApplication {
public:
    // Instead of Poco's run(): returns the exit code.
    int serve(int argc, char** argv);

protected:
    // Shown by --help.
    virtual std::string description() const = 0;
    virtual std::string examples() const = 0;
    virtual std::string default_config() const { return {}; }
    // Further options; their values come to take_option().
    virtual void define_more(Poco::Util::OptionSet& options) = 0;
    virtual Status take_option(const std::string& name, const std::string& value) = 0;
    // Reads the configuration into settings of one's own.
    virtual Status configure(const sdk::Value& root) = 0;
    virtual std::string effective_config() const = 0;
    virtual base::LogSettings log_settings() const = 0;
    // Whether the plugins that the configuration names can be used; opens nothing.
    virtual Status check_plugins() = 0;
    // Says where it listens, for the log and for systemd.
    virtual Result<std::string> start() = 0;
    virtual void stop(base::Millis patience) = 0;

    base::Metrics& metrics() noexcept { return metrics_; }

    // Poco's hooks.
    void defineOptions(Poco::Util::OptionSet& options) override;
    void handleOption(const std::string& name, const std::string& value) override;
    int main(const ArgVec& arguments) override;

private:
    void print_help() const;
    int fail(int exit_code, const std::string& message);
    int run_service();
    void wait_for_signal();
    Status load_config();

    base::Metrics metrics_;
    Daemon daemon_;
    std::string config_file_;
    std::string pid_file_;
    bool background_ = false;
    bool check_only_ = false;
    bool print_only_ = false;
    bool asked_only_ = false;  // --help or --version: answered, nothing to run.
    std::string option_error_;
};

}  // namespace godwit::apps
