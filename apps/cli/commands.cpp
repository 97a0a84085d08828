#include "cli/commands.h"

#include <chrono>
#include <cstdio>
#include <iostream>
#include <thread>

#include "base/ids.h"
#include "base/metrics.h"
#include "cli/master_call.h"
#include "cli/progress_view.h"
#include "model/json.h"
#include "model/writer.h"
#include "plugin/host.h"

namespace godwit::cli {
namespace {

constexpr std::chrono::milliseconds kWatchMin{100};
constexpr std::chrono::milliseconds kWatchMax{1'000};
// How long a master that went away is waited for while watching.
constexpr std::chrono::seconds kMasterAway{60};

int fail(const CallFailure& failure) {
    std::cerr << "godwit: " << failure.message << "\n";
    return failure.exit_code;
}

bool is_over(const std::string& state) {
    return state == "COMPLETED" || state == "COMPLETED_WITH_ERRORS" || state == "FAILED" ||
           state == "CANCELLED";
}

int exit_code_of(const Object& progress) {
    const std::string state = text_of(progress, "state");
    const std::string reason = text_of(progress, "reason");
    if (state == "COMPLETED") {
        return number_of(object_of(progress, "files"), "vanished") > 0 ? kFilesVanished : kDone;
    }
    if (state == "COMPLETED_WITH_ERRORS") return kFilesFailed;
    if (state == "CANCELLED") return kCancelled;
    const bool bad_path = reason == "source_missing" || reason == "dest_not_directory" ||
                          reason == "permission_denied" || reason == "read_only" ||
                          reason == "no_source_worker" || reason == "no_destination_worker";
    return bad_path ? kBadPath : kFailed;
}

// The options' values as JSON would have them: numbers and truth values bare, the rest quoted.
void write_option(model::Writer& json, const std::string& name, const std::string& value) {
    if (value == "true" || value == "false") {
        json.member(name, value == "true");
    } else if (!value.empty() && value.find_first_not_of("0123456789") == std::string::npos &&
               value.size() < 19) {
        json.member(name, static_cast<std::int64_t>(std::stoll(value)));
    } else {
        json.member(name, value);
    }
}

std::string request_body(const CommandLine& line, const std::string& id) {
    model::Writer json;
    json.object([&] {
        json.member("request_id", id);
        json.path("source_path", line.arguments[0]);
        json.path("destination_path", line.arguments[1]);
        if (line.chunk_size_mb) json.member("chunk_size_mb", *line.chunk_size_mb);
        json.member("options", [&] {
            for (const std::string& option : line.options) {
                const std::size_t equals = option.find('=');
                write_option(json, option.substr(0, equals),
                             equals == std::string::npos ? "true" : option.substr(equals + 1));
            }
        });
    });
    return std::move(json).text();
}

int watch(const CommandLine& line, MasterCall& master, const std::string& id) {
    using Clock = std::chrono::steady_clock;
    const Clock::time_point start = Clock::now();
    Clock::time_point last_answer = start;
    ProgressView view;
    auto pause = kWatchMin;
    for (;;) {
        const auto body = master.send("GET", "/sync/" + http::percent_encode(id));
        const Clock::time_point now = Clock::now();
        if (body) {
            last_answer = now;
            const Object progress = object_in(*body);
            if (progress.isNull()) return fail({kRefused, "the master's answer is no progress"});
            if (is_over(text_of(progress, "state"))) {
                view.finish(progress);
                if (line.json) std::cout << *body << "\n";
                return exit_code_of(progress);
            }
            view.show(progress);
        } else if (master.failure().exit_code != kUnreachable || now - last_answer > kMasterAway) {
            return fail(master.failure());
        }
        if (line.timeout_seconds && now - start >= std::chrono::seconds{*line.timeout_seconds}) {
            return fail({kTimedOut, "request '" + id + "' has not ended in " +
                                        std::to_string(*line.timeout_seconds) +
                                        " s; it goes on: godwit status " + id});
        }
        std::this_thread::sleep_for(pause);
        pause = std::min(2 * pause, kWatchMax);
    }
}

int sync(const CommandLine& line) {
    const std::string id = line.request_id.empty() ? "cli-" + base::random_hex(6) : line.request_id;
    MasterCall master{line};
    const auto answer = master.send("POST", "/sync", request_body(line, id));
    if (!answer) return fail(master.failure());
    if (!line.wait) {
        std::cout << (line.json ? *answer : id) << "\n";
        return kDone;
    }
    if (!line.json) std::cout << id << std::endl;
    return watch(line, master, id);
}

int status(const CommandLine& line) {
    MasterCall master{line};
    if (!line.arguments.empty()) {
        const std::string& id = line.arguments.front();
        const auto body = master.send("GET", "/sync/" + http::percent_encode(id));
        if (!body) return fail(master.failure());
        const Object progress = object_in(*body);
        std::cout << (line.json || progress.isNull() ? *body : id + "  " + summary_of(progress))
                  << "\n";
        return kDone;
    }
    const auto body = master.send(
        "GET", line.state.empty() ? "/sync" : "/sync?state=" + http::percent_encode(line.state));
    if (!body) return fail(master.failure());
    if (line.json) {
        std::cout << *body << "\n";
        return kDone;
    }
    const auto parsed = model::parse_json(*body);
    if (!parsed || parsed->type() != typeid(Poco::JSON::Array::Ptr)) {
        return fail({kRefused, "the master's answer is no list"});
    }
    for (const auto& item : *parsed->extract<Poco::JSON::Array::Ptr>()) {
        const Object progress = item.extract<Object>();
        std::cout << text_of(progress, "request_id") << "  " << summary_of(progress) << "  "
                  << text_of(progress, "source_path") << " -> "
                  << text_of(progress, "destination_path") << "\n";
    }
    return kDone;
}

int change(const CommandLine& line) {
    const std::string& id = line.arguments.front();
    MasterCall master{line};
    const auto body = master.send("POST", "/sync/" + http::percent_encode(id) + "/" + line.command);
    if (!body) return fail(master.failure());
    const Object answer = object_in(*body);
    std::cout << (line.json || answer.isNull() ? *body : id + ": " + text_of(answer, "status"))
              << "\n";
    return kDone;
}

int workers(const CommandLine& line) {
    MasterCall master{line};
    const auto body = master.send("GET", "/workers");
    if (!body) return fail(master.failure());
    const Object lists = object_in(*body);
    if (line.json || lists.isNull()) {
        std::cout << *body << "\n";
        return kDone;
    }
    for (const char* list : {"active", "inactive"}) {
        const auto workers = lists->getArray(list);
        if (workers.isNull()) continue;
        for (const auto& item : *workers) {
            const Object worker = item.extract<Object>();
            std::cout << text_of(worker, "worker_id") << "  " << list << "  "
                      << text_of(worker, "status") << "  "
                      << text_of(worker, "control_plane_address") << " ";
            for (const auto& path : *worker->getArray("storage_paths")) {
                std::cout << " " << path.toString();
            }
            std::cout << "\n";
        }
    }
    return kDone;
}

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

}  // namespace

int run_command(const CommandLine& line) {
    if (line.command == "sync") return sync(line);
    if (line.command == "status") return status(line);
    if (line.command == "workers") return workers(line);
    if (line.command == "plugins") return plugins(line);
    return change(line);  // cancel, pause, resume
}

}  // namespace godwit::cli
