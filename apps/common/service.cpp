#include "common/service.h"

#include <Poco/Util/HelpFormatter.h>
#include <Poco/Util/Option.h>
#include <Poco/Util/OptionException.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <iostream>
#include <thread>

#include "base/threads.h"
#include "config/yaml.h"

namespace godwit::apps {
namespace {

using Poco::Util::Option;

const base::Log kLog{"service"};

sigset_t handled_signals() {
    sigset_t signals;
    ::sigemptyset(&signals);
    for (const int number : {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2}) {
        ::sigaddset(&signals, number);
    }
    return signals;
}

// Before the first thread, which would take them otherwise.
void block_signals() {
    const sigset_t signals = handled_signals();
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
}

void shift_log_level(int by) {
    const int level = std::clamp(static_cast<int>(base::log_level()) + by,
                                 static_cast<int>(base::LogLevel::Debug),
                                 static_cast<int>(base::LogLevel::Error));
    base::set_log_level(static_cast<base::LogLevel>(level));
    kLog.error("log level changed", {{"to", base::to_string(base::log_level())}});
}

// What a setting is to blame for will not go by itself: whoever starts services tells it from the
// rest by the code.
int exit_code_of(const Error& error) noexcept {
    const bool wrong_setting = error.code == Code::InvalidArgument || error.code == Code::NotFound;
    return wrong_setting ? kExitConfig : kExitFailure;
}

}  // namespace

int Service::serve(int argc, char** argv) {
    block_signals();
    try {
        init(argc, argv);
        // Not ServerApplication's run(): that forks, and the parent leaves with 0 at once.
        return Application::run();
    } catch (const Poco::Exception& failure) {
        std::cerr << commandName() << ": " << failure.displayText() << " (try --help)\n";
        return kExitConfig;
    }
}

void Service::defineOptions(Poco::Util::OptionSet& options) {
    options.addOption(Option{"config", "c", "the YAML file to read", false, "FILE", true});
    define_more(options);
    options.addOption(
        Option{"check-config", "", "check configuration and plugins, then leave (0: good)"});
    options.addOption(
        Option{"print-config", "", "print the settings in effect, without secrets, then leave"});
    options.addOption(Option{
        "daemon", "d", "run in the background, logging to log.file; returns when it is ready"});
    options.addOption(Option{"pidfile", "", "write the process id here, and keep the file locked",
                             false, "FILE", true});
    options.addOption(Option{"version", "V", "print the version, then leave"});
    options.addOption(Option{"help", "h", "print this, then leave"});
}

void Service::handleOption(const std::string& name, const std::string& value) {
    // Relative to where it was started: a daemon changes its directory.
    const auto absolute = [&] { return std::filesystem::absolute(value).string(); };
    if (name == "config") {
        config_file_ = absolute();
    } else if (name == "pidfile") {
        pid_file_ = absolute();
    } else if (name == "check-config") {
        check_only_ = true;
    } else if (name == "print-config") {
        print_only_ = true;
    } else if (name == "daemon") {
        background_ = true;
    } else if (name == "version") {
        std::cout << commandName() << " " << GODWIT_VERSION << "\n";
        asked_only_ = true;
        stopOptionsProcessing();
    } else if (name == "help") {
        print_help();
        asked_only_ = true;
        stopOptionsProcessing();
    } else if (auto status = take_option(name, value); !status && option_error_.empty()) {
        option_error_ = "--" + name + ": " + status.error().message;
    }
}

void Service::print_help() const {
    Poco::Util::HelpFormatter help{options()};
    help.setUnixStyle(true);
    help.setAutoIndent();
    help.setWidth(100);
    help.setCommand(commandName());
    help.setUsage("[OPTIONS]");
    help.setHeader(description());
    help.setFooter(
        "\nSignals: TERM stops it; HUP opens the log file anew; USR1 logs more, USR2 less.");
    help.format(std::cout);
    std::cout << "\nExamples:\n" << examples();
}

int Service::fail(int exit_code, const std::string& message) {
    const std::string line = commandName() + ": " + message;
    if (!daemon_.failed(exit_code, line)) std::cerr << line << "\n";
    return exit_code;
}

Status Service::load_config() {
    if (!option_error_.empty()) return Error{Code::InvalidArgument, option_error_};
    sdk::Value root = sdk::Value::map();
    if (!config_file_.empty()) {
        auto loaded = config::load_yaml(config_file_);
        if (!loaded) return std::move(loaded).error();
        root = std::move(*loaded);
    }
    return configure(root);
}

int Service::main(const ArgVec& arguments) {
    if (asked_only_) return EXIT_OK;
    if (!arguments.empty()) {
        return fail(kExitConfig, "unexpected argument '" + arguments.front() + "' (try --help)");
    }
    if (auto status = load_config(); !status) return fail(kExitConfig, status.error().message);
    if (print_only_) {
        std::cout << effective_config();
        return EXIT_OK;
    }
    if (check_only_) {
        if (auto status = check_plugins(); !status) {
            return fail(kExitConfig, status.error().message);
        }
        std::cout << commandName() << ": configuration is good\n";
        return EXIT_OK;
    }
    if (background_) {
        if (log_settings().file.empty()) {
            std::cerr << commandName()
                      << ": warning: a daemon without log.file in its configuration logs nothing "
                         "once it is ready\n";
        }
        if (auto status = daemon_.detach(); !status) {
            return fail(kExitFailure, status.error().message);
        }
    }
    return run_service();
}

int Service::run_service() {
    if (auto status = base::configure_logging(log_settings()); !status) {
        return fail(kExitConfig, status.error().message);
    }
    if (!pid_file_.empty()) {
        if (auto status = daemon_.lock_pid_file(pid_file_); !status) {
            return fail(kExitFailure, status.error().message);
        }
    }
    const auto status = start();
    if (!status) {
        daemon_.remove_pid_file();
        return fail(exit_code_of(status.error()), status.error().message);
    }
    daemon_.ready(*status);
    wait_for_signal();
    daemon_.stopping();
    stop(kStopPatience);
    daemon_.remove_pid_file();
    kLog.info("stopped");
    // What hangs in a dead file system from here on, the signal thread ends by force.
    return EXIT_OK;
}

void Service::wait_for_signal() {
    auto told = std::make_shared<std::promise<void>>();
    auto stopped = told->get_future();
    std::thread{[told] {
        base::name_this_thread("signals");
        const sigset_t signals = handled_signals();
        bool stopping = false;
        for (;;) {
            int number = 0;
            if (stopping) {
                // The stop has its time, then the process ends whatever hangs.
                const timespec patience{kStopPatience.count() / 1000 + 1, 0};
                number = ::sigtimedwait(&signals, nullptr, &patience);
                if (number < 0 && errno == EINTR) continue;
            } else {
                ::sigwait(&signals, &number);
            }
            switch (number) {
            case SIGHUP: base::reopen_log(); break;
            case SIGUSR1: shift_log_level(-1); break;
            case SIGUSR2: shift_log_level(+1); break;
            default:
                if (stopping) {
                    kLog.error("stopping by force");
                    ::_exit(kExitFailure);
                }
                stopping = true;
                kLog.info("stopping", {{"signal", number}});
                told->set_value();
            }
        }
    }}.detach();
    stopped.wait();
}

}  // namespace godwit::apps
