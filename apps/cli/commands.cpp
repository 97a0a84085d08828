#include "cli/commands.h"

#include <iostream>
#include <sstream>

#include "base/ids.h"
#include "cli/master_call.h"
#include "cli/outcome.h"
#include "cli/progress_view.h"
#include "cli/sync_body.h"
#include "cli/watch.h"
#include "model/json.h"

namespace godwit::cli {
namespace {

std::string target_of(const std::string& id, const std::string& rest = {}) {
    return "/sync/" + http::percent_encode(id) + rest;
}

// What the master says of a change, as a line.
int print_status(const CommandLine& line, const std::string& id, const std::string& body,
                 const std::string& what = {}) {
    const Object answer = object_in(body);
    if (line.json || answer.isNull()) {
        std::cout << body << "\n";
    } else {
        std::cout << id << ": " << (what.empty() ? text_of(answer, "status") : what) << "\n";
    }
    return kDone;
}

int sync(const CommandLine& line) {
    std::optional<std::vector<std::string>> files;
    if (!line.files_from.empty()) {
        auto names = read_files_from(line.files_from, line.from0);
        if (!names) return fail({kUsage, names.error().message});
        files = std::move(*names);
    }
    const std::string id = line.request_id.empty() ? "cli-" + base::random_hex(6) : line.request_id;
    const auto body = sync_body(line, id, files);
    if (!body) return fail({kUsage, body.error().message});
    MasterCall master{line};
    const auto answer = master.send("POST", "/sync", *body);
    if (!answer) return fail(master.failure());
    if (!line.wait) {
        std::cout << (line.json ? *answer : id) << "\n";
        return kDone;
    }
    if (!line.json) std::cout << id << std::endl;
    return watch(line, master, id);
}

int show(const CommandLine& line) {
    MasterCall master{line};
    const std::string& id = line.arguments.front();
    const auto body = master.send("GET", target_of(id));
    if (!body) return fail(master.failure());
    const Object progress = object_in(*body);
    std::cout << (line.json || progress.isNull() ? *body : id + "  " + summary_of(progress))
              << "\n";
    return kDone;
}

// What stands between the brackets of a list; nothing where there are none.
std::optional<std::string> items_in(const std::string& list) {
    const std::size_t start = list.find('[');
    const std::size_t end = list.rfind(']');
    if (start == std::string::npos || end == std::string::npos) return {};
    return list.substr(start + 1, end - start - 1);
}

bool print_requests(const std::string& list) {
    const auto parsed = model::parse_json(list);
    if (!parsed || parsed->type() != typeid(Poco::JSON::Array::Ptr)) return false;
    for (const auto& item : *parsed->extract<Poco::JSON::Array::Ptr>()) {
        const Object progress = item.extract<Object>();
        std::cout << text_of(progress, "request_id") << "  " << summary_of(progress) << "  "
                  << text_of(progress, "source_path") << " -> "
                  << text_of(progress, "destination_path") << "\n";
    }
    return true;
}

// Page by page: the master answers with so many at once, and the newest are on the last one.
int list(const CommandLine& line) {
    const CallFailure no_list{kRefused, "the master's answer is no list"};
    MasterCall master{line};
    std::string target =
        line.state.empty() ? "/sync" : "/sync?state=" + http::percent_encode(line.state);
    std::string all;
    for (; !target.empty(); target = master.next_page()) {
        const auto page = master.send("GET", target);
        if (!page) return fail(master.failure());
        if (!line.json) {
            if (!print_requests(*page)) return fail(no_list);
            continue;
        }
        const auto items = items_in(*page);
        if (!items) return fail(no_list);
        if (!all.empty() && !items->empty()) all += ',';
        all += *items;
    }
    if (line.json) std::cout << "[" << all << "]\n";
    return kDone;
}

int status(const CommandLine& line) {
    return line.arguments.empty() ? list(line) : show(line);
}

int errors(const CommandLine& line) {
    MasterCall master{line};
    const auto body = master.send("GET", target_of(line.arguments.front(), "/errors"), {},
                                  {{"Accept", "application/x-ndjson"}});
    if (!body) return fail(master.failure());
    if (line.json) {
        std::cout << *body;
        return kDone;
    }
    std::vector<Object> found;
    std::istringstream lines{*body};
    for (std::string text; std::getline(lines, text);) {
        found.push_back(object_in(text));
        if (found.back().isNull()) return fail({kRefused, "the master's answer is no list"});
    }
    std::cout << error_table(found);
    return kDone;
}

// cancel, pause, resume, retry: POST /sync/{id}/<command>
int change(const CommandLine& line) {
    const std::string& id = line.arguments.front();
    MasterCall master{line};
    const auto body = master.send("POST", target_of(id, "/" + line.command));
    if (!body) return fail(master.failure());
    return line.wait ? watch(line, master, id) : print_status(line, id, *body);
}

int set(const CommandLine& line) {
    const std::string& id = line.arguments.front();
    const auto patch = patch_body(std::span{line.arguments}.subspan(1));
    if (!patch) return fail({kUsage, patch.error().message});
    MasterCall master{line};
    const auto body = master.send("PATCH", target_of(id), *patch);
    if (!body) return fail(master.failure());
    return print_status(line, id, *body, "changed");
}

int forget(const CommandLine& line) {
    const std::string& id = line.arguments.front();
    MasterCall master{line};
    const auto body = master.send("DELETE", target_of(id));
    if (!body) return fail(master.failure());
    return print_status(line, id, *body);
}

void print_worker(const Object& worker, const char* list) {
    std::cout << text_of(worker, "worker_id") << "  " << list << "  " << text_of(worker, "status")
              << "  " << text_of(worker, "control_plane_address") << " ";
    for (const auto& path : *worker->getArray("storage_paths")) {
        std::cout << " " << path.toString();
    }
    std::cout << "\n";
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
    for (const char* name : {"active", "inactive"}) {
        const auto workers = lists->getArray(name);
        if (workers.isNull()) continue;
        for (const auto& item : *workers) print_worker(item.extract<Object>(), name);
    }
    return kDone;
}

}  // namespace

int run_command(const CommandLine& line) {
    if (line.command == "sync") return sync(line);
    if (line.command == "status") return status(line);
    if (line.command == "errors") return errors(line);
    if (line.command == "set") return set(line);
    if (line.command == "delete") return forget(line);
    if (line.command == "workers") return workers(line);
    if (line.command == "plugins") return plugins(line);
    return change(line);
}

}  // namespace godwit::cli
