#include <array>

#include "config/common.h"
#include "config/yaml.h"

namespace godwit::config {

using sdk::Reader;
using sdk::Value;

namespace {

constexpr std::array<std::string_view, 3> kRoles{"viewer", "worker", "operator"};

Listen read_listen(Reader& read) {
    Listen listen;
    if (const Value* value = read.child("listen")) {
        Reader nested{*value, "listen"};
        listen.host = nested.text("host", listen.host);
        listen.port = static_cast<std::uint16_t>(nested.integer("port", listen.port, 0, 65535));
        read.absorb(nested.finish());
    }
    return listen;
}

std::vector<Token> read_tokens(Reader& read) {
    std::vector<Token> tokens;
    const Value* list = read.child("tokens");
    if (list == nullptr || list->kind == Value::Kind::Null) return tokens;
    if (list->kind != Value::Kind::List) {
        read.problem(list->at, "tokens", "expected a list of {role, token}");
        return tokens;
    }
    for (const Value& item : list->items) {
        Reader nested{item, "tokens[" + std::to_string(tokens.size()) + "]"};
        Token token;
        const std::string role = nested.one_of("role", kRoles);
        for (std::size_t i = 0; i < kRoles.size(); ++i) {
            if (kRoles[i] == role) token.role = static_cast<TokenRole>(i);
        }
        token.secret = read_secret(nested, "token");
        if (token.secret.empty()) nested.problem(item.at, nested.path_of("token"), "is missing");
        read.absorb(nested.finish());
        tokens.push_back(std::move(token));
    }
    return tokens;
}

// While a worker holds a lease, its destination may take what it sends: its work must not go to
// others before. Who says one of the two only, is not bound by the other's default.
void read_leases(Reader& read, const Value& root, MasterSettings& settings) {
    const Value* timeout = root.find("worker_heartbeat_timeout");
    const Value* lease = root.find("lease_seconds");
    settings.worker_heartbeat_timeout = read_seconds(read, "worker_heartbeat_timeout",
                                                     settings.worker_heartbeat_timeout, 1, 86'400);
    settings.lease = read_seconds(read, "lease_seconds", settings.lease, 1, 86'400);
    if (settings.lease <= settings.worker_heartbeat_timeout) return;
    if (lease == nullptr) {
        settings.lease = settings.worker_heartbeat_timeout;
    } else if (timeout == nullptr) {
        settings.worker_heartbeat_timeout = settings.lease;
    } else {
        read.problem(timeout->at, "worker_heartbeat_timeout",
                     "expected no less than lease_seconds, " +
                         std::to_string(settings.lease.count() / 1000) + ", got '" + timeout->text +
                         "'");
    }
}

}  // namespace

Result<MasterSettings> read_master(const Value& root) {
    MasterSettings settings;
    Reader read{root, ""};
    settings.listen = read_listen(read);
    settings.plugin_path = read_plugin_path(read);
    settings.store = read_plugin(read, "store", "memory");
    settings.policy = read_plugin(read, "policy", "storage_affinity");
    read_leases(read, root, settings);
    settings.mount_wait =
        read_seconds(read, "mount_wait_seconds", settings.mount_wait, 0, 2'592'000);
    settings.planning_window =
        static_cast<std::uint64_t>(read.integer("planning_window", 1024, 1, 1'000'000));
    settings.attempts_max = static_cast<std::uint32_t>(read.integer("max_attempts", 5, 1, 1000));
    settings.http_workers = static_cast<std::uint32_t>(read.integer("http_workers", 4, 1, 256));
    settings.tokens = read_tokens(read);
    settings.ticket_secret = read_secret(read, "ticket_secret");
    settings.insecure = read.boolean("insecure", false);
    settings.log = read_log(read);
    if (auto status = read.finish(); !status) return std::move(status).error();
    return settings;
}

std::string print(const MasterSettings& settings) {
    Value tokens;
    tokens.kind = Value::Kind::List;
    for (const Token& token : settings.tokens) {
        tokens.items.push_back(
            Value::map({{"role", text_value(kRoles[static_cast<std::size_t>(token.role)])},
                        {"token", text_value(token.secret.redacted())}}));
    }
    return print_yaml(Value::map({
        {"listen", Value::map({{"host", text_value(settings.listen.host)},
                               {"port", number_value(settings.listen.port)}})},
        {"plugin_path", texts_value(settings.plugin_path)},
        {"store", plugin_value(settings.store)},
        {"policy", plugin_value(settings.policy)},
        {"worker_heartbeat_timeout",
         number_value(settings.worker_heartbeat_timeout.count() / 1000)},
        {"lease_seconds", number_value(settings.lease.count() / 1000)},
        {"mount_wait_seconds", number_value(settings.mount_wait.count() / 1000)},
        {"planning_window", number_value(static_cast<std::int64_t>(settings.planning_window))},
        {"max_attempts", number_value(settings.attempts_max)},
        {"http_workers", number_value(settings.http_workers)},
        {"tokens", std::move(tokens)},
        {"ticket_secret", text_value(settings.ticket_secret.redacted())},
        {"insecure", text_value(settings.insecure ? "true" : "false")},
        {"log", log_value(settings.log)},
    }));
}

bool is_loopback(std::string_view host) noexcept {
    return host == "localhost" || host == "::1" || host == "[::1]" || host.starts_with("127.");
}

bool is_wildcard(std::string_view host) noexcept {
    return host.empty() || host == "*" || host.find_first_not_of("0.:[]") == std::string_view::npos;
}

}  // namespace godwit::config
