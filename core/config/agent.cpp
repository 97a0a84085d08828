#include <set>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/path.h"
#include "config/common.h"
#include "config/yaml.h"

namespace godwit::config {

using sdk::Reader;
using sdk::Value;

namespace {

// One map, or a list of them in order of preference.
std::vector<PluginChoice> read_transports(Reader& read) {
    const Value* value = read.child("transport");
    if (value == nullptr || value->kind != Value::Kind::List) {
        return {read_plugin(read, "transport", "libfabric")};
    }
    std::vector<PluginChoice> choices;
    for (const Value& item : value->items) {
        choices.push_back(
            read_plugin_value(item, "transport[" + std::to_string(choices.size()) + "]", read));
    }
    if (choices.empty()) read.problem(value->at, "transport", "the list is empty");
    return choices;
}

std::vector<std::string> read_storage_paths(Reader& worker, const Value& at) {
    std::vector<std::string> paths = worker.texts("storage_paths", true);
    std::set<std::string> seen;
    for (std::string& path : paths) {
        if (!base::is_utf8(path)) {
            // Masters and agents name storage paths in JSON: it would be heard as another one.
            worker.problem(
                at.at, worker.path_of("storage_paths"),
                "'" + base::printable(path) + "' is not UTF-8: mount it under a name that is");
            continue;
        }
        auto normalised = base::normalise_path(path);
        if (!normalised) {
            worker.problem(at.at, worker.path_of("storage_paths"),
                           "'" + path + "': " + normalised.error().message);
            continue;
        }
        path = std::move(*normalised);
        if (!seen.insert(path).second) {
            worker.problem(at.at, worker.path_of("storage_paths"), "'" + path + "' stands twice");
        }
    }
    if (paths.empty() && worker.child("storage_paths") != nullptr) {
        worker.problem(at.at, worker.path_of("storage_paths"), "the list is empty");
    }
    return paths;
}

void read_network(Reader& worker, AgentSettings& settings) {
    const Value* value = worker.child("network");
    if (value == nullptr) return;
    Reader network{*value, worker.path_of("network")};
    settings.control_plane_address =
        network.text("control_plane_address", settings.control_plane_address);
    if (is_wildcard(settings.control_plane_address)) {
        network.problem(value->at, network.path_of("control_plane_address"),
                        "'" + settings.control_plane_address +
                            "' is every address of this machine, and other agents are told this "
                            "one: write the address or name by which they reach this worker");
    }
    settings.control_plane_port =
        static_cast<std::uint16_t>(network.integer("control_plane_port", 0, 0, 65535));
    if (const Value* endpoints = network.child("data_plane_endpoints")) {
        if (endpoints->kind != Value::Kind::List) {
            network.problem(endpoints->at, network.path_of("data_plane_endpoints"),
                            "expected a list of {iface, address}");
        }
        for (const Value& item : endpoints->items) {
            Reader endpoint{item, network.path_of("data_plane_endpoints") + "[" +
                                      std::to_string(settings.data_plane_endpoints.size()) + "]"};
            sdk::Endpoint read{endpoint.text("iface", ""), endpoint.text("address", "")};
            if (read.iface.empty() && read.address.empty()) {
                network.problem(item.at, network.path_of("data_plane_endpoints"),
                                "an endpoint needs an iface or an address");
            }
            network.absorb(endpoint.finish());
            settings.data_plane_endpoints.push_back(std::move(read));
        }
    }
    worker.absorb(network.finish());
}

void read_tuning(Reader& read, AgentSettings& settings) {
    const Value* value = read.child("tuning");
    if (value == nullptr) return;
    const auto u32 = [](std::int64_t number) { return static_cast<std::uint32_t>(number); };
    Reader tuning{*value, read.path_of("tuning")};
    settings.slots = u32(tuning.integer("slots", settings.slots, 1, 1024));
    const auto segment_kib = static_cast<std::int64_t>(settings.segment_bytes / 1024);
    settings.segment_bytes = 1024 * static_cast<std::uint64_t>(
                                        tuning.integer("segment_kib", segment_kib, 64, 64 * 1024));
    settings.send_buffers = u32(tuning.integer("send_buffers", settings.send_buffers, 2, 4096));
    settings.receive_buffers =
        u32(tuning.integer("receive_buffers", settings.receive_buffers, 2, 4096));
    settings.writers = u32(tuning.integer("writers", settings.writers, 1, 256));
    read.absorb(tuning.finish());
}

void read_worker(Reader& worker, const Value& at, AgentSettings& settings) {
    settings.storage_paths = read_storage_paths(worker, at);
    read_network(worker, settings);
    read_tuning(worker, settings);
}

// Checks every entry, so that one file serves a cluster or none of it; keeps the wanted one.
Status read_workers(Reader& read, const sdk::WorkerId& wanted, AgentSettings& settings) {
    const Value* workers = read.child("workers");
    if (workers == nullptr || workers->kind != Value::Kind::List || workers->items.empty()) {
        read.problem(workers != nullptr ? workers->at : sdk::Position{}, "workers",
                     "expected a list of workers");
        return {};
    }
    std::set<std::string> ids;
    bool found = false;
    for (std::size_t i = 0; i < workers->items.size(); ++i) {
        const Value& item = workers->items[i];
        Reader worker{item, "workers[" + std::to_string(i) + "]"};
        const std::string id = worker.text("worker_id");
        if (!id.empty() && !base::is_valid_id(id)) {
            worker.problem(item.at, worker.path_of("worker_id"),
                           "expected 1 to 128 characters out of A-Z a-z 0-9 . _ : -");
        }
        if (!ids.insert(id).second) {
            worker.problem(item.at, worker.path_of("worker_id"), "'" + id + "' stands twice");
        }
        AgentSettings other;
        read_worker(worker, item, id == wanted ? settings : other);
        found = found || id == wanted;
        read.absorb(worker.finish());
    }
    if (found) return {};
    std::string known;
    for (const std::string& id : ids) known += " " + id;
    return Error{Code::NotFound, sdk::to_string(workers->at) + ": workers: no worker '" + wanted +
                                     "' (there are:" + known + ")"};
}

}  // namespace

Result<AgentSettings> read_agent(const Value& root, const sdk::WorkerId& worker) {
    AgentSettings settings;
    settings.worker_id = worker;
    Reader read{root, ""};
    settings.master_url = read.text("master_url", settings.master_url);
    settings.plugin_path = read_plugin_path(read);
    settings.transports = read_transports(read);
    settings.heartbeat_interval =
        read_seconds(read, "heartbeat_interval", settings.heartbeat_interval, 1, 3600);
    settings.token = read_secret(read, "token");
    settings.ticket_secret = read_secret(read, "ticket_secret");
    settings.insecure = read.boolean("insecure", false);
    settings.log = read_log(read);
    read_tuning(read, settings);
    auto found = read_workers(read, worker, settings);
    if (auto status = read.finish(); !status) return std::move(status).error();
    if (!found) return std::move(found).error();
    if (settings.data_plane_endpoints.empty()) {
        settings.data_plane_endpoints.push_back({"", settings.control_plane_address});
    }
    return settings;
}

std::string print(const AgentSettings& settings) {
    Value transports;
    transports.kind = Value::Kind::List;
    for (const PluginChoice& choice : settings.transports) {
        transports.items.push_back(plugin_value(choice));
    }
    Value endpoints;
    endpoints.kind = Value::Kind::List;
    for (const sdk::Endpoint& endpoint : settings.data_plane_endpoints) {
        endpoints.items.push_back(Value::map(
            {{"iface", text_value(endpoint.iface)}, {"address", text_value(endpoint.address)}}));
    }
    Value worker = Value::map({
        {"worker_id", text_value(settings.worker_id)},
        {"storage_paths", texts_value(settings.storage_paths)},
        {"network",
         Value::map({{"control_plane_address", text_value(settings.control_plane_address)},
                     {"control_plane_port", number_value(settings.control_plane_port)},
                     {"data_plane_endpoints", std::move(endpoints)}})},
        {"tuning", Value::map({{"slots", number_value(settings.slots)},
                               {"segment_kib", number_value(static_cast<std::int64_t>(
                                                   settings.segment_bytes / 1024))},
                               {"send_buffers", number_value(settings.send_buffers)},
                               {"receive_buffers", number_value(settings.receive_buffers)},
                               {"writers", number_value(settings.writers)}})},
    });
    Value workers;
    workers.kind = Value::Kind::List;
    workers.items.push_back(std::move(worker));
    return print_yaml(Value::map({
        {"master_url", text_value(settings.master_url)},
        {"plugin_path", texts_value(settings.plugin_path)},
        {"transport", std::move(transports)},
        {"heartbeat_interval", number_value(settings.heartbeat_interval.count() / 1000)},
        {"token", text_value(settings.token.redacted())},
        {"ticket_secret", text_value(settings.ticket_secret.redacted())},
        {"insecure", text_value(settings.insecure ? "true" : "false")},
        {"log", log_value(settings.log)},
        {"workers", std::move(workers)},
    }));
}

}  // namespace godwit::config
