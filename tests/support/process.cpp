#include "support/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

namespace godwit::test_support {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPollInterval{5};

std::vector<char*> pointers_to(std::vector<std::string>& words) {
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    return pointers;
}

std::vector<std::string> merged_environment(const std::vector<std::string>& own) {
    std::vector<std::string> merged;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string text = *entry;
        const std::string name = text.substr(0, text.find('=') + 1);
        const bool replaced = std::any_of(own.begin(), own.end(), [&](const std::string& word) {
            return word.starts_with(name);
        });
        if (!replaced) merged.push_back(text);
    }
    merged.insert(merged.end(), own.begin(), own.end());
    return merged;
}

int exit_code_of(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

bool eventually(const std::function<bool()>& condition, Seconds patience) {
    const auto deadline = Clock::now() + patience;
    while (!condition()) {
        if (Clock::now() >= deadline) return false;
        std::this_thread::sleep_for(kPollInterval);
    }
    return true;
}

Process::Process(const Settings& settings) {
    std::vector<std::string> command = settings.command;
    std::vector<std::string> environment = merged_environment(settings.environment);
    const std::vector<char*> arguments = pointers_to(command);
    const std::vector<char*> variables = pointers_to(environment);
    const std::string output = settings.output.empty() ? "/dev/null" : settings.output;
    const int log = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log < 0) throw std::runtime_error{"cannot write to " + output};
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(127);
        ::dup2(log, STDOUT_FILENO);
        ::dup2(log, STDERR_FILENO);
        if (settings.prepare) settings.prepare();
        ::execve(arguments[0], arguments.data(), variables.data());
        ::_exit(127);
    }
    ::close(log);
    if (pid_ < 0) throw std::runtime_error{"cannot fork"};
}

Process::Process(Process&& other) noexcept
    : pid_{std::exchange(other.pid_, -1)}, exit_code_{std::exchange(other.exit_code_, {})} {}

Process& Process::operator=(Process&& other) noexcept {
    if (this != &other) {
        kill();
        pid_ = std::exchange(other.pid_, -1);
        exit_code_ = std::exchange(other.exit_code_, {});
    }
    return *this;
}

Process::~Process() {
    kill();
}

bool Process::is_running() {
    if (pid_ < 0 || exit_code_) return false;
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) != pid_) return true;
    exit_code_ = exit_code_of(status);
    return false;
}

void Process::signal(int number) {
    if (is_running()) ::kill(pid_, number);
}

std::optional<int> Process::wait_for(Seconds patience) {
    eventually([&] { return !is_running(); }, patience);
    return exit_code_;
}

int Process::stop(Seconds patience) {
    signal(SIGTERM);
    const auto code = wait_for(patience);
    if (!code) kill();
    return code.value_or(-1);
}

void Process::kill() {
    if (!is_running()) return;
    ::kill(pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    exit_code_ = exit_code_of(status);
}

Ran run(const std::vector<std::string>& command, const std::vector<std::string>& environment,
        Seconds patience) {
    std::string pattern = std::filesystem::temp_directory_path() / "godwit-run-XXXXXX";
    const int file = ::mkstemp(pattern.data());
    if (file < 0) throw std::runtime_error{"cannot make a temporary file"};
    ::close(file);
    Process process{
        {.command = command, .environment = environment, .output = pattern, .prepare = {}}};
    Ran ran;
    ran.exit_code = process.wait_for(patience).value_or(-1);
    process.kill();
    ran.output = read_file(pattern);
    std::filesystem::remove(pattern);
    return ran;
}

std::string read_file(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream{path}.rdbuf();
    return text.str();
}

}  // namespace godwit::test_support
