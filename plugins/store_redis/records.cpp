#include "records.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace godwit::store_redis {
namespace {

using sdk::Code;
using sdk::Error;
using sdk::Millis;
using sdk::Result;
using sdk::WallTime;

template <class Number>
std::optional<Number> parse(std::string_view text) {
    Number number{};
    const auto [stop, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
    return number;
}

// Reads numbers, and remembers when one was none: so that a record is checked once, at its end.
class Numbers {
public:
    template <class Number>
    void read(std::string_view text, Number& into) {
        const auto number = parse<Number>(text);
        good_ = good_ && number.has_value();
        into = number.value_or(Number{});
    }
    void read(std::string_view text, WallTime& into) {
        Millis::rep millis = 0;
        read(text, millis);
        into = WallTime{Millis{millis}};
    }
    void read(std::string_view text, std::optional<WallTime>& into) { read(text, into.emplace()); }
    bool good() const noexcept { return good_; }

private:
    bool good_ = true;
};

using Fields = std::map<std::string_view, std::string_view>;

// A flat list of names and values, as HGETALL gives it.
std::optional<Fields> fields_of(const Reply& list) {
    if (list.kind != Reply::Kind::List || list.items.size() % 2 != 0) return std::nullopt;
    Fields fields;
    for (std::size_t i = 0; i < list.items.size(); i += 2) {
        fields.emplace(list.items[i].text, list.items[i + 1].text);
    }
    return fields;
}

std::optional<sdk::RequestState> state_of(std::string_view word) {
    for (std::size_t i = 0; i < sdk::kRequestStates; ++i) {
        const auto state = static_cast<sdk::RequestState>(i);
        if (word == to_string(state)) return state;
    }
    return std::nullopt;
}

// An absent counter is 0: scripts write them when they first change.
template <class Number>
void read_count(Numbers& numbers, const Fields& fields, const std::string& name, Number& into) {
    const auto found = fields.find(name);
    if (found != fields.end()) numbers.read(found->second, into);
}

void read_counts(Numbers& numbers, const Fields& fields, sdk::Request& request) {
    for (std::size_t i = 0; i < sdk::kCountKinds; ++i) {
        read_count(numbers, fields, "c" + std::to_string(i), request.counters.values[i]);
    }
    for (std::size_t i = 0; i < sdk::kUnitKinds; ++i) {
        read_count(numbers, fields, "p" + std::to_string(i), request.backlog.pending[i]);
        read_count(numbers, fields, "l" + std::to_string(i), request.backlog.leased[i]);
    }
    read_count(numbers, fields, "bp", request.backlog.bytes_pending);
    read_count(numbers, fields, "errors", request.error_count);
}

}  // namespace

std::string to_hex(std::uint64_t number) {
    std::array<char, 16> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
    return {digits.data(), end};
}

Error malformed(std::string_view what) {
    return Error{Code::Internal, "read " + std::string{what} +
                                     ": the server holds something else; is the prefix shared with "
                                     "another program?"};
}

Result<std::uint64_t> read_number(std::string_view text) {
    const auto number = parse<std::uint64_t>(text);
    if (!number) return malformed("a number");
    return *number;
}

void pack(Packer& packer, const sdk::Unit& unit) {
    Packer body;
    body.array(3).decimal(unit.offset).text(unit.label).text(unit.payload);
    packer.array(7)
        .number(static_cast<std::uint64_t>(unit.kind))
        .number(unit.stage)
        .number(unit.rank)
        .text(unit.group == 0 ? "" : to_hex(unit.group))
        .decimal(unit.bytes)
        .decimal(unit.files)
        .text(body.bytes());
}

void pack(Packer& packer, std::span<const sdk::Unit> units) {
    packer.array(units.size());
    for (const sdk::Unit& unit : units) pack(packer, unit);
}

void pack(Packer& packer, const sdk::LeaseRef& lease) {
    packer.decimal(lease.unit).decimal(lease.token.epoch).decimal(lease.token.number);
}

void pack(Packer& packer, const sdk::Counters& counters) {
    const auto& values = counters.values;
    const auto zeros = std::count(values.begin(), values.end(), 0);
    packer.array((values.size() - static_cast<std::size_t>(zeros)) * 2);
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i] != 0) packer.text("c" + std::to_string(i)).decimal(values[i]);
    }
}

std::string pack_error(const sdk::FileError& error) {
    Packer packer;
    packer.array(10)
        .text(error.path)
        .text(error.code)
        .decimal(error.error_number)
        .decimal(error.retryable ? 1 : 0)
        .decimal(error.offset)
        .text(error.worker)
        .decimal(error.attempt)
        .decimal(error.first_at.time_since_epoch().count())
        .decimal(error.last_at.time_since_epoch().count())
        .text(error.message);
    return packer.bytes();
}

Result<sdk::FileError> read_error(std::string_view record) {
    auto unpacked = unpack(record);
    if (!unpacked || unpacked->items.size() != 10) return malformed("an error of a file");
    std::vector<Item>& items = unpacked->items;
    Numbers numbers;
    sdk::FileError error;
    error.path = std::move(items[0].text);
    error.code = std::move(items[1].text);
    numbers.read(items[2].text, error.error_number);
    error.retryable = items[3].text == "1";
    numbers.read(items[4].text, error.offset);
    error.worker = std::move(items[5].text);
    numbers.read(items[6].text, error.attempt);
    numbers.read(items[7].text, error.first_at);
    numbers.read(items[8].text, error.last_at);
    error.message = std::move(items[9].text);
    if (!numbers.good()) return malformed("an error of a file");
    return error;
}

std::string pack_worker(const sdk::Worker& worker) {
    Packer packer;
    packer.array(7).text(worker.incarnation).text(worker.status);
    packer.array(worker.storage_paths.size());
    for (const std::string& path : worker.storage_paths) packer.text(path);
    packer.array(worker.endpoints.size());
    for (const sdk::Endpoint& endpoint : worker.endpoints) {
        packer.array(2).text(endpoint.iface).text(endpoint.address);
    }
    packer.text(worker.peer_address);
    packer.array(worker.transports.size());
    for (const std::string& transport : worker.transports) packer.text(transport);
    packer.decimal(worker.slots);
    return packer.bytes();
}

Result<sdk::Worker> read_worker(const std::string& id, std::string_view record) {
    auto unpacked = unpack(record);
    if (!unpacked || unpacked->items.size() != 7) return malformed("worker '" + id + "'");
    std::vector<Item>& items = unpacked->items;
    Numbers numbers;
    sdk::Worker worker;
    worker.id = id;
    worker.incarnation = std::move(items[0].text);
    worker.status = std::move(items[1].text);
    for (Item& path : items[2].items) worker.storage_paths.push_back(std::move(path.text));
    for (Item& endpoint : items[3].items) {
        if (endpoint.items.size() != 2) return malformed("worker '" + id + "'");
        worker.endpoints.push_back(
            {std::move(endpoint.items[0].text), std::move(endpoint.items[1].text)});
    }
    worker.peer_address = std::move(items[4].text);
    for (Item& transport : items[5].items) worker.transports.push_back(std::move(transport.text));
    numbers.read(items[6].text, worker.slots);
    if (!numbers.good()) return malformed("worker '" + id + "'");
    return worker;
}

Result<sdk::Lease> read_lease(const Reply& described) {
    const std::vector<Reply>& items = described.items;
    if (items.size() != 16) return malformed("a lease");
    auto body = unpack(items[15].text);
    if (!body || body->items.size() != 3) return malformed("the payload of a unit");
    Numbers numbers;
    sdk::Lease lease;
    numbers.read(items[0].text, lease.ref.unit);
    numbers.read(items[1].text, lease.ref.token.epoch);
    numbers.read(items[2].text, lease.ref.token.number);
    lease.worker = items[3].text;
    lease.attempt = static_cast<std::uint32_t>(items[4].integer);
    lease.losses = static_cast<std::uint32_t>(items[5].integer);
    lease.last_failer = items[6].text;
    if (!items[7].text.empty()) numbers.read(items[7].text, lease.first_failed_at);
    lease.discard = items[8].integer == 1;
    const std::int64_t kind = items[9].integer;
    lease.unit.stage = static_cast<std::uint32_t>(items[10].integer);
    lease.unit.rank = static_cast<std::uint32_t>(items[11].integer);
    const std::string& group = items[12].text;
    const char* end = group.data() + group.size();
    const bool grouped =
        group.empty() || std::from_chars(group.data(), end, lease.unit.group, 16).ptr == end;
    numbers.read(items[13].text, lease.unit.bytes);
    numbers.read(items[14].text, lease.unit.files);
    numbers.read(body->items[0].text, lease.unit.offset);
    if (!numbers.good() || !grouped || kind < 0 || kind >= std::int64_t{sdk::kUnitKinds})
        return malformed("a lease");
    lease.unit.kind = static_cast<sdk::UnitKind>(kind);
    lease.unit.label = std::move(body->items[1].text);
    lease.unit.payload = std::move(body->items[2].text);
    return lease;
}

Result<std::vector<sdk::Lease>> read_leases(const Reply& list) {
    std::vector<sdk::Lease> leases;
    for (const Reply& described : list.items) {
        auto lease = read_lease(described);
        if (!lease) return std::move(lease).error();
        leases.push_back(std::move(*lease));
    }
    return leases;
}

Result<sdk::Outcome> read_outcome(const Reply& word) {
    using enum sdk::Outcome;
    for (const sdk::Outcome outcome : {Applied, AlreadyDone, LeaseLost}) {
        if (word.text == to_string(outcome)) return outcome;
    }
    return malformed("an outcome");
}

Result<Shown> read_shown(const sdk::RequestId& id, const Reply& shown) {
    const std::string what = "request '" + id + "'";
    if (shown.items.size() != 5) return malformed(what);
    const auto fields = fields_of(shown.items[1]);
    const auto holders = fields_of(shown.items[2]);
    const auto detail = fields_of(shown.items[3]);
    if (!fields || !holders || !detail) return malformed(what);
    const auto field = [&](std::string_view name) {
        const auto found = fields->find(name);
        return found == fields->end() ? std::string_view{} : found->second;
    };
    const auto state = state_of(field("state"));
    if (!state) return malformed(what);

    Numbers numbers;
    Shown result;
    numbers.read(shown.items[0].text, result.now_us);
    result.member = field("member");
    sdk::Request& request = result.request;
    request.id = id;
    numbers.read(field("generation"), request.generation);
    request.fingerprint = field("fingerprint");
    request.document = field("document");
    request.source_path = field("source");
    request.destination_path = field("destination");
    numbers.read(field("priority"), request.priority);
    request.state = *state;
    numbers.read(field("revision"), request.revision);
    request.reason = field("reason");
    request.resolution = field("resolution");
    if (fields->contains("pin")) request.pinned_worker = field("pin");
    numbers.read(field("created"), request.created_at);
    numbers.read(field("updated"), request.updated_at);
    if (fields->contains("started")) numbers.read(field("started"), request.started_at);
    if (fields->contains("finished")) numbers.read(field("finished"), request.finished_at);
    read_counts(numbers, *fields, request);
    numbers.read(shown.items[4].text, request.backlog.stage);
    for (const auto& [worker, count] : *holders) {
        numbers.read(count, request.holders[std::string{worker}]);
    }
    for (const auto& [name, text] : *detail) request.detail.emplace(name, text);
    if (!numbers.good()) return malformed(what);
    return result;
}

}  // namespace godwit::store_redis
