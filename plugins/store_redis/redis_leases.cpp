// Units and their leases.
#include <algorithm>
#include <optional>

#include "godwit/sdk/state_store_checks.h"
#include "redis_store.h"
#include "scripts.h"

namespace godwit::store_redis {
namespace {

using sdk::Code;
using sdk::Error;
using sdk::Outcome;
using sdk::Result;

// What one script gets at once, so that it does not hold the server for long. Items are not
// divided: a single one may be larger, up to the second.
constexpr std::size_t kScriptBytesMax = 4 << 20;
constexpr std::size_t kItemBytesMax = 64 << 20;

std::uint64_t millis(sdk::Millis duration) {
    return static_cast<std::uint64_t>(duration.count());
}

// Six items.
void pack(Packer& packer, const sdk::Effects& effects) {
    pack(packer, effects.counters);
    packer.array(effects.errors.size());
    for (const sdk::FileError& error : effects.errors) packer.text(pack_error(error));
    packer.array(effects.groups.size());
    for (const sdk::Group& group : effects.groups) {
        packer.array(3).text(to_hex(group.id)).number(group.parts);
        pack(packer, group.then);
    }
    pack(packer, effects.units);
    packer.text(effects.message).text(effects.resolution);
}

Packer pack_completion(const sdk::Completion& item) {
    Packer packer;
    packer.array(9);
    pack(packer, item.lease);
    pack(packer, item.effects);
    return packer;
}

Packer pack_failure(const sdk::Failure& item) {
    Packer packer;
    packer.array(16);
    pack(packer, item.lease);
    packer.text(item.worker)
        .number(item.released ? 1 : 0)
        .number(millis(item.backoff))
        .number(item.attempts_max)
        .text(pack_error(item.error))
        .text(item.message);
    if (item.rest) {
        pack(packer, *item.rest);
    } else {
        packer.array(0);
    }
    pack(packer, item.effects);
    return packer;
}

Result<sdk::FailReply> read_fail_reply(const Reply& reply) {
    if (reply.items.size() != 2) return malformed("the reply of fail");
    auto outcome = read_outcome(reply.items[0]);
    if (!outcome) return std::move(outcome).error();
    return sdk::FailReply{*outcome, reply.items[1].text == "1"};
}

// One for each of `items` that was not there, or what `read` makes of the replies.
template <class Value, class Read>
Result<std::vector<Value>> read_batch(Result<std::vector<Reply>> replies, std::size_t items,
                                      const Value& missing, Read&& read) {
    if (!replies && replies.error().code == Code::NotFound) {
        return std::vector<Value>(items, missing);
    }
    if (!replies) return std::move(replies).error();
    if (replies->size() != items) return malformed("the outcomes of a batch");
    std::vector<Value> values;
    for (const Reply& reply : *replies) {
        auto value = read(reply);
        if (!value) return std::move(value).error();
        values.push_back(*value);
    }
    return values;
}

}  // namespace

Result<std::vector<sdk::Lease>> RedisStore::claim(const sdk::RequestId& id,
                                                  const sdk::ClaimSpec& spec) noexcept {
    if (auto status = check(spec); !status) return std::move(status).error();
    Packer arguments;
    arguments.array(7)
        .text(spec.worker)
        .number(millis(spec.lease))
        .number(std::min(spec.units_max, info().batch_max))
        .decimal(spec.planning_window)
        .number(spec.avoid_own_failures ? 1 : 0)
        .number(spec.workers_max)
        .decimal(spec.generation);
    auto reply = run(kClaim, id, arguments, Access::Write);
    if (!reply) return std::move(reply).error();
    if (reply->items.size() != 2) return malformed("the leases of request '" + id + "'");
    return read_leases(reply->items[1]);
}

// Runs the script on as many items at a time as it should get, and gives one reply for each item.
Result<std::vector<Reply>> RedisStore::run_batch(const Script& script, const sdk::RequestId& id,
                                                 const std::vector<Packer>& items) {
    std::vector<Reply> replies;
    std::size_t done = 0;
    while (done < items.size()) {
        std::size_t end = done;
        std::size_t bytes = 0;
        while (end < items.size() &&
               (end == done || bytes + items[end].size() <= kScriptBytesMax)) {
            bytes += items[end++].size();
        }
        Packer arguments;
        arguments.array(end - done);
        for (std::size_t i = done; i < end; ++i) arguments.packed(items[i]);
        auto reply = run(script, id, arguments, Access::Write);
        if (!reply) {
            Error error = std::move(reply).error();
            // "Nothing was changed" does not hold any more.
            if (done > 0 && error.code == Code::Unavailable) error.code = Code::UnknownOutcome;
            return error;
        }
        if (reply->items.size() != 2) return malformed("the outcomes of a batch");
        for (Reply& item : reply->items[1].items) replies.push_back(std::move(item));
        done = end;
    }
    return replies;
}

Result<std::vector<Outcome>> RedisStore::complete(const sdk::RequestId& id,
                                                  std::span<const sdk::Completion> items) noexcept {
    if (auto status = sdk::check_batch(items.size(), info().batch_max); !status) {
        return std::move(status).error();
    }
    if (auto status = sdk::check(items); !status) return std::move(status).error();
    std::vector<Packer> packed;
    for (const sdk::Completion& item : items) {
        packed.push_back(pack_completion(item));
        if (packed.back().size() > kItemBytesMax) {
            return sdk::refuse("complete units of '" + id + "': one item exceeds 64 MiB");
        }
    }
    return read_batch(run_batch(kComplete, id, packed), items.size(), Outcome::NotFound,
                      read_outcome);
}

Result<std::vector<sdk::FailReply>> RedisStore::fail(const sdk::RequestId& id,
                                                     std::span<const sdk::Failure> items) noexcept {
    if (auto status = sdk::check_batch(items.size(), info().batch_max); !status) {
        return std::move(status).error();
    }
    if (auto status = sdk::check(items); !status) return std::move(status).error();
    std::vector<Packer> packed;
    for (const sdk::Failure& item : items) {
        packed.push_back(pack_failure(item));
        if (packed.back().size() > kItemBytesMax) {
            return sdk::refuse("fail units of '" + id + "': one item exceeds 64 MiB");
        }
    }
    return read_batch(run_batch(kFail, id, packed), items.size(),
                      sdk::FailReply{Outcome::NotFound, false}, read_fail_reply);
}

Result<std::vector<Outcome>> RedisStore::renew(const sdk::RequestId& id,
                                               std::span<const sdk::LeaseRef> items,
                                               sdk::Millis lease) noexcept {
    if (auto status = sdk::check_batch(items.size(), info().batch_max); !status) {
        return std::move(status).error();
    }
    if (auto status = sdk::check_duration("lease", lease, sdk::Millis{1}); !status) {
        return std::move(status).error();
    }
    Packer arguments;
    arguments.array(2).number(millis(lease)).array(items.size());
    for (const sdk::LeaseRef& item : items) {
        arguments.array(3);
        pack(arguments, item);
    }
    auto reply = run(kRenew, id, arguments, Access::Write);
    Result<std::vector<Reply>> replies = [&]() -> Result<std::vector<Reply>> {
        if (!reply) return std::move(reply).error();
        if (reply->items.size() != 2) return malformed("the outcomes of a batch");
        return std::move(reply->items[1].items);
    }();
    return read_batch(std::move(replies), items.size(), Outcome::NotFound, read_outcome);
}

Result<std::vector<sdk::Reaped>> RedisStore::reap(const sdk::RequestId& id,
                                                  const sdk::ReapSpec& spec) noexcept {
    Packer arguments;
    arguments.array(3)
        .text(spec.worker.value_or(""))
        .number(spec.losses_max)
        .number(std::min(spec.limit, info().batch_max));
    auto reply = run(kReap, id, arguments, Access::Write);
    if (!reply) return std::move(reply).error();
    if (reply->items.size() != 3) return malformed("what was reaped");
    auto leases = read_leases(reply->items[1]);
    if (!leases) return std::move(leases).error();
    const std::vector<Reply>& exhausted = reply->items[2].items;
    if (exhausted.size() != leases->size()) return malformed("what was reaped");
    std::vector<sdk::Reaped> reaped;
    for (std::size_t i = 0; i < leases->size(); ++i) {
        reaped.push_back({std::move((*leases)[i]), exhausted[i].text == "1"});
    }
    return reaped;
}

Result<std::vector<sdk::Lease>> RedisStore::leases(const sdk::RequestId& id,
                                                   const sdk::WorkerId& worker) noexcept {
    auto reply = run(kLeases, id, Packer{}.array(1).text(worker), Access::Read);
    if (!reply) return std::move(reply).error();
    if (reply->items.size() != 2) return malformed("the leases of request '" + id + "'");
    return read_leases(reply->items[1]);
}

}  // namespace godwit::store_redis
