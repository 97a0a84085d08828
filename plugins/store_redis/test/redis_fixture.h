// What the tests of the Redis store's own promises share: a server, a store on it, and a way to
// look behind the store's back.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hiredis/hiredis.h>

#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "godwit/conformance/load.h"
#include "godwit/conformance/state_store/fixture.h"
#include "godwit/sdk/state_store.h"
#include "support/redis_server.h"

namespace godwit::store_redis {

// A client without any of our code.
class RawClient {
public:
    explicit RawClient(int port) : context_{::redisConnect("127.0.0.1", port)} {
        EXPECT_TRUE(context_ != nullptr && context_->err == 0);
    }
    ~RawClient() { ::redisFree(context_); }
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;

    // Text, error or number of the answer; the items of a list, each followed by a line break.
    std::string ask(const std::vector<std::string>& words) {
        std::vector<const char*> data;
        std::vector<std::size_t> sizes;
        for (const std::string& word : words) {
            data.push_back(word.data());
            sizes.push_back(word.size());
        }
        void* raw =
            ::redisCommandArgv(context_, static_cast<int>(words.size()), data.data(), sizes.data());
        const std::unique_ptr<void, void (*)(void*)> owner{raw, ::freeReplyObject};
        if (raw == nullptr) return std::string{"no answer: "} + context_->errstr;
        return text_of(*static_cast<redisReply*>(raw));
    }
    // The next line that the server sends by itself.
    std::string next() {
        void* raw = nullptr;
        if (::redisGetReply(context_, &raw) != REDIS_OK) return {};
        const std::unique_ptr<void, void (*)(void*)> owner{raw, ::freeReplyObject};
        return text_of(*static_cast<redisReply*>(raw));
    }

private:
    static std::string text_of(const redisReply& reply) {
        if (reply.type == REDIS_REPLY_INTEGER) return std::to_string(reply.integer);
        if (reply.str != nullptr) return {reply.str, reply.len};
        std::string text;
        for (std::size_t i = 0; i < reply.elements; ++i) text += text_of(*reply.element[i]) + "\n";
        return text;
    }

    redisContext* context_;
};

// A host whose log can be read.
class ListeningHost {
public:
    const sdk::Host& host() const { return host_; }
    std::string lines() {
        const std::lock_guard lock{logger_.mutex};
        return logger_.lines;
    }

private:
    struct Listener final : sdk::Logger {
        bool enabled(sdk::LogLevel) const noexcept override { return true; }
        void log(sdk::LogLevel, std::string_view message, Fields fields) noexcept override {
            const std::lock_guard lock{mutex};
            lines += message;
            for (const auto& [key, value] : fields) {
                lines += " " + std::string{key} + "=" + std::string{value};
            }
            lines += "\n";
        }
        std::mutex mutex;
        std::string lines;
    };
    Listener logger_;
    sdk::Host host_{logger_, conformance::test_host().metrics, conformance::test_host().clock};
};

using Options = std::vector<std::pair<std::string, std::string>>;

inline sdk::Result<std::unique_ptr<sdk::StateStore>> try_store(
    const Options& options, const sdk::Host& host = conformance::test_host()) {
    const sdk::PluginDescriptor* plugin = conformance::load_descriptor(STORE_REDIS_PLUGIN);
    return plugin->make_state_store(conformance::make_options(options), host);
}

inline std::unique_ptr<sdk::StateStore> make_store(const Options& options) {
    auto store = try_store(options);
    EXPECT_TRUE(store) << store.error().message;
    return store ? std::move(*store) : nullptr;
}

inline Options quick(const std::string& url) {
    return {{"url", url}, {"connect_timeout_ms", "1000"}, {"command_timeout_ms", "300"}};
}

inline sdk::NewRequest request_of(const std::string& id, std::size_t chunks = 0) {
    sdk::NewRequest request;
    request.id = id;
    request.generation = 1;
    request.fingerprint = "fingerprint";
    request.document = "{}";
    request.units = conformance::chunks(chunks);
    return request;
}

inline sdk::ClaimSpec claim_of(const std::string& worker, std::size_t units_max = 1) {
    sdk::ClaimSpec spec;
    spec.worker = worker;
    spec.lease = conformance::kLongLease;
    spec.units_max = units_max;
    return spec;
}

inline std::vector<sdk::Completion> completions_of(const std::vector<sdk::Lease>& leases) {
    std::vector<sdk::Completion> items;
    for (const sdk::Lease& lease : leases) {
        items.push_back({lease.ref, {}});
        items.back().effects.counters[sdk::Count::FilesCopied] = 1;
    }
    return items;
}

inline std::vector<sdk::Failure> failures_of(const std::vector<sdk::Lease>& leases,
                                             std::uint32_t attempts_max) {
    std::vector<sdk::Failure> items;
    for (const sdk::Lease& lease : leases) {
        sdk::Failure& failure = items.emplace_back();
        failure.lease = lease.ref;
        failure.worker = lease.worker;
        failure.attempts_max = attempts_max;
    }
    return items;
}

// Every operation once, successfully; `id` is free before and after.
void use_everything(sdk::StateStore& store, const std::string& id);

}  // namespace godwit::store_redis
