// Requests, and the index that lists them.
#include <algorithm>
#include <limits>
#include <optional>

#include "godwit/sdk/state_store_checks.h"
#include "redis_store.h"
#include "scripts.h"

namespace godwit::store_redis {
namespace {

using sdk::Code;
using sdk::Error;
using sdk::Result;
using sdk::Status;

// A request must become active within the first of these after it was announced to the index; an
// entry without one is taken for stale after the second.
constexpr std::uint64_t kAnnouncedUsMax = 30'000'000;
constexpr std::uint64_t kStaleUs = 60'000'000;
// Only a master that is stopped for that long between two calls needs another attempt.
constexpr int kAnnouncementsMax = 3;

constexpr std::size_t kMembersPerLook = 50;
constexpr std::size_t kMembersPerList =
    1000;  // Looked at by one list(), whatever passes its filter.
constexpr std::size_t kArgumentBytesMax = 64 << 20;

constexpr std::size_t kStampDigits = 16;

bool is_member(std::string_view cursor) {
    if (cursor.size() <= kStampDigits || cursor[kStampDigits] != ':') return false;
    const std::string_view stamp = cursor.substr(0, kStampDigits);
    const bool digits =
        std::all_of(stamp.begin(), stamp.end(), [](char c) { return c >= '0' && c <= '9'; });
    return digits && sdk::check_id("request", cursor.substr(kStampDigits + 1)).ok();
}

sdk::RequestId id_of(const std::string& member) {
    return member.substr(kStampDigits + 1);
}

bool passes(const sdk::RequestFilter& filter, sdk::RequestState state) {
    return filter.states.empty() ||
           std::find(filter.states.begin(), filter.states.end(), state) != filter.states.end();
}

bool wants_only_active(const sdk::RequestFilter& filter) {
    return !filter.states.empty() &&
           std::none_of(filter.states.begin(), filter.states.end(), sdk::is_terminal);
}

// Names and values of the fields that the transition replaces.
Packer replaced_fields(const sdk::Transition& change) {
    std::vector<std::string> words;
    if (change.pin) words.insert(words.end(), {"pin", *change.pin});
    if (change.document) words.insert(words.end(), {"document", *change.document});
    if (change.priority) {
        words.insert(words.end(), {"priority", std::to_string(*change.priority)});
    }
    Packer packer;
    packer.array(words.size());
    for (const std::string& word : words) packer.text(word);
    return packer;
}

Error too_slow(std::string_view what) {
    return Error{Code::Unavailable, std::string{what} + ": the answers of redis take too long"};
}

}  // namespace

std::vector<std::string> RedisStore::index_keys() const {
    return {index_key(settings_, "all"), index_key(settings_, "active"),
            index_key(settings_, "announced")};
}

Result<RedisStore::Announcement> RedisStore::announce(const sdk::RequestId& id,
                                                      const std::string& member) {
    // By itself it changes nothing that anybody sees: a lost answer is as good as none.
    auto reply = run_beside(kIndexAnnounce, index_keys(), {id, member}, Access::Read);
    if (!reply) return std::move(reply).error();
    if (reply->items.size() != 2) return malformed("an announcement");
    return Announcement{reply->items[0].text, reply->items[1].text};
}

// What fails here is made good by the next list() that comes by.
void RedisStore::settle(const std::string& member, std::string_view scope,
                        std::uint64_t cutoff_us) {
    auto reply = run_beside(kIndexSettle, index_keys(),
                            {member, std::string{scope}, std::to_string(cutoff_us)}, Access::Read);
    if (!reply) {
        logger_.log(sdk::LogLevel::Debug, "an index entry is left for later",
                    {{"error", reply.error().message}});
    }
}

Result<sdk::CreateReply> RedisStore::create(const sdk::NewRequest& request) noexcept {
    if (auto status = check(request); !status) return std::move(status).error();
    Packer units;
    pack(units, request.units);
    const std::string what = "create request '" + request.id + "'";
    if (request.document.size() + request.attachment.size() + units.size() > kArgumentBytesMax) {
        return sdk::refuse(what + ": it is larger than 64 MiB");
    }
    Announcement announced;
    for (int i = 0; i <= kAnnouncementsMax; ++i) {
        Packer arguments;
        arguments.array(11)
            .decimal(request.generation)
            .text(request.fingerprint)
            .text(request.document)
            .text(request.source_path)
            .text(request.destination_path)
            .decimal(request.priority)
            .packed(units)
            .text(request.attachment)
            .text(announced.member)
            .text(announced.stamp)
            .decimal(kAnnouncedUsMax);
        auto reply = run(kCreate, request.id, arguments, Access::Write);
        if (!reply) return std::move(reply).error();
        const std::string& word = reply->items[0].text;
        if (word == "announce") {
            auto stamped = announce(request.id, announced.member);
            if (!stamped) return wrap(std::move(stamped).error(), what);
            announced = std::move(*stamped);
            continue;
        }
        const bool created = word == "created";
        if (!created && !announced.member.empty()) {
            settle(announced.member, "all", std::numeric_limits<std::uint64_t>::max());
        }
        if (word == "taken") {
            return Error{Code::Conflict, what + ": the id is taken by a request with another body"};
        }
        if (reply->items.size() != 2) return malformed("request '" + request.id + "'");
        auto shown = read_shown(request.id, reply->items[1]);
        if (!shown) return std::move(shown).error();
        return sdk::CreateReply{created, std::move(shown->request)};
    }
    return too_slow(what);
}

Result<sdk::Request> RedisStore::get(const sdk::RequestId& id) noexcept {
    auto reply = run(kGet, id, Packer{}.array(0), Access::Read);
    if (!reply) return std::move(reply).error();
    if (reply->items.size() != 2) return malformed("request '" + id + "'");
    auto shown = read_shown(id, reply->items[1]);
    if (!shown) return std::move(shown).error();
    return std::move(shown->request);
}

Status RedisStore::remove(const sdk::RequestId& id) noexcept {
    auto reply = run(kRemove, id, Packer{}.array(0), Access::Write);
    if (!reply && reply.error().code == Code::NotFound) return {};
    if (!reply) return std::move(reply).error();
    if (reply->items.size() != 3) return malformed("request '" + id + "'");
    auto now_us = read_number(reply->items[2].text);
    if (!now_us) return std::move(now_us).error();
    settle(reply->items[1].text, "all", *now_us);
    return {};
}

Result<sdk::Revision> RedisStore::transition(const sdk::RequestId& id, sdk::Revision expected,
                                             const sdk::Transition& change) noexcept {
    if (auto status = check(change); !status) return std::move(status).error();
    Packer units;
    pack(units, change.units);
    const std::string what = "transition request '" + id + "'";
    if (units.size() > kArgumentBytesMax) return sdk::refuse(what + ": its units exceed 64 MiB");
    Announcement announced;
    for (int i = 0; i <= kAnnouncementsMax; ++i) {
        Packer arguments;
        arguments.array(11)
            .decimal(expected)
            .text(to_string(change.to))
            .text(change.reason)
            .text(change.detail)
            .number(change.restart ? 1 : 0)
            .packed(units)
            .text(announced.stamp)
            .decimal(kAnnouncedUsMax)
            .packed(replaced_fields(change));
        pack(arguments, change.add);
        arguments.number(change.clear_errors ? 1 : 0);
        auto reply = run(kTransition, id, arguments, Access::Write);
        if (!reply) return std::move(reply).error();
        const std::vector<Reply>& items = reply->items;
        if (items.size() < 2) return malformed(what);
        if (items[0].text == "announce") {
            auto stamped = announce(id, items[1].text);
            if (!stamped) return wrap(std::move(stamped).error(), what);
            announced = std::move(*stamped);
            continue;
        }
        if (items[0].text == "conflict") {
            return Error{Code::Conflict, what + ": revision " + std::to_string(expected) +
                                             " was expected, it is at " + items[1].text};
        }
        if (items.size() != 4) return malformed(what);
        auto now_us = read_number(items[3].text);
        if (!now_us) return std::move(now_us).error();
        if (is_terminal(change.to)) settle(items[2].text, "active", *now_us);
        return read_number(items[1].text);
    }
    return too_slow(what);
}

Result<std::string> RedisStore::attachment(const sdk::RequestId& id) noexcept {
    auto reply = run(kAttachment, id, Packer{}.array(0), Access::Read);
    if (!reply) return std::move(reply).error();
    if (reply->items.size() != 2) return malformed("the attachment of request '" + id + "'");
    return std::move(reply->items[1].text);
}

Result<sdk::ErrorPage> RedisStore::errors(const sdk::RequestId& id, std::string_view cursor,
                                          std::size_t limit) noexcept {
    if (limit == 0) return sdk::refuse("read errors: limit 0: expected at least 1");
    auto first = cursor.empty() ? Result<std::uint64_t>{0} : read_number(cursor);
    if (!first) return sdk::refuse("read errors of '" + id + "': not a cursor");
    const std::uint64_t begin = std::min<std::uint64_t>(*first, sdk::kErrorsMax);
    Packer arguments;
    arguments.array(2).number(begin).number(std::min(limit, sdk::kErrorsMax));
    auto reply = run(kErrors, id, arguments, Access::Read);
    if (!reply) return std::move(reply).error();
    if (reply->items.size() != 3) return malformed("errors of '" + id + "'");
    sdk::ErrorPage page;
    for (const Reply& record : reply->items[1].items) {
        auto error = read_error(record.text);
        if (!error) return std::move(error).error();
        page.errors.push_back(std::move(*error));
    }
    auto total = read_number(reply->items[2].text);
    if (!total) return std::move(total).error();
    const std::uint64_t end = begin + page.errors.size();
    if (end < *total) page.next = std::to_string(end);
    return page;
}

Result<std::vector<std::string>> RedisStore::members_after(const std::string& key,
                                                           const std::string& cursor,
                                                           std::size_t limit) {
    const std::string from = cursor.empty() ? "-" : "(" + cursor;
    const std::string count = std::to_string(limit);
    auto reply = call({"ZRANGEBYLEX", key, from, "+", "LIMIT", "0", count}, Access::Read);
    if (!reply) return std::move(reply).error();
    std::vector<std::string> members;
    for (Reply& item : reply->items) {
        if (!is_member(item.text)) return malformed("the index of requests");
        members.push_back(std::move(item.text));
    }
    return members;
}

Result<std::vector<Reply>> RedisStore::show_all(const std::vector<std::string>& members) {
    auto session = borrow();
    if (!session) return std::move(session).error();
    std::vector<ScriptCall> calls;
    for (const std::string& member : members) {
        calls.push_back(call_of(kGet, id_of(member), Packer{}.array(0), (*session)->epoch()));
    }
    return (*session)->run_all(calls);
}

// The request behind an entry of the index, if there is one and it passes. Stale entries go.
Result<std::optional<sdk::Request>> RedisStore::listed(const std::string& member,
                                                       const Reply& reply,
                                                       const sdk::RequestFilter& filter) {
    if (reply.kind == Reply::Kind::Error) return error_of(reply, "list requests");
    if (reply.items.size() != 2) return malformed("the list of requests");
    const auto settle_before = [&](std::string_view scope, std::uint64_t now_us) {
        settle(member, scope, now_us > kStaleUs ? now_us - kStaleUs : 0);
        return std::optional<sdk::Request>{};
    };
    if (reply.items[0].text == "missing") {
        auto now_us = read_number(reply.items[1].text);
        if (!now_us) return std::move(now_us).error();
        return settle_before("all", *now_us);
    }
    auto shown = read_shown(id_of(member), reply.items[1]);
    if (!shown) return std::move(shown).error();
    if (shown->member != member) return settle_before("all", shown->now_us);
    if (passes(filter, shown->request.state)) return std::optional{std::move(shown->request)};
    if (wants_only_active(filter) && is_terminal(shown->request.state)) {
        return settle_before("active", shown->now_us);
    }
    return std::optional<sdk::Request>{};
}

Result<sdk::RequestPage> RedisStore::list(const sdk::RequestFilter& filter, std::string_view cursor,
                                          std::size_t limit) noexcept {
    if (limit == 0) return sdk::refuse("list requests: limit 0: expected at least 1");
    if (!cursor.empty() && !is_member(cursor)) {
        return sdk::refuse("list requests: not a cursor of this list");
    }
    const std::string key = index_key(settings_, wants_only_active(filter) ? "active" : "all");
    sdk::RequestPage page;
    page.next = cursor;
    for (std::size_t looked = 0; looked < kMembersPerList;) {
        const std::size_t wanted = std::min(limit - page.requests.size(), kMembersPerLook);
        auto members = members_after(key, page.next, wanted);
        if (!members) return wrap(std::move(members).error(), "list requests");
        auto replies = show_all(*members);
        if (!replies) return wrap(std::move(replies).error(), "list requests");
        for (std::size_t i = 0; i < members->size(); ++i) {
            auto request = listed((*members)[i], (*replies)[i], filter);
            if (!request) return std::move(request).error();
            if (*request) page.requests.push_back(std::move(**request));
        }
        if (members->size() < wanted) {
            page.next.clear();
            return page;
        }
        looked += members->size();
        page.next = members->back();
        if (page.requests.size() == limit) return page;
    }
    return page;
}

}  // namespace godwit::store_redis
