// The REST interface: one function an endpoint; each parses, acts, answers.
#pragma once

#include <functional>
#include <string>

#include "base/metrics.h"
#include "config/settings.h"
#include "godwit/sdk/state_store.h"
#include "http/router.h"
#include "master/cluster.h"
#include "master/lifecycle.h"
#include "master/pace.h"
#include "master/results.h"
#include "master/scheduler.h"

namespace godwit::master {

// What the endpoints work on; outlives the router.
struct ApiContext {
    const config::MasterSettings& settings;
    sdk::StateStore& store;
    Cluster& cluster;
    Lifecycle& lifecycle;
    Scheduler& scheduler;
    Results& results;
    PaceWatch& pace;
    base::Metrics& metrics;
    std::function<void()> work_came;  // Wakes those who wait for work.
    std::string version_document;
};

// For operators: submitting, and looking at requests and workers.
void add_request_routes(http::Router& router, const ApiContext& context);
// For operators: what changes a request that exists.
void add_change_routes(http::Router& router, const ApiContext& context);
// For workers: heartbeat, assignments, results.
void add_worker_routes(http::Router& router, const ApiContext& context);
// Health, metrics, version, the OpenAPI document.
void add_service_routes(http::Router& router, const ApiContext& context);

// 422 with every finding.
http::Response invalid(const std::vector<model::FieldError>& errors);
// 422 about a query parameter.
http::Response invalid_query(std::string_view name, std::string message);
// The error of an operation on the request in the path: 404 reads as such.
http::Response request_problem(const sdk::RequestId& id, const Error& error);

// {"status":word,"request_id":id}
http::Response status_response(int status, std::string_view word, const sdk::RequestId& id);
// 200 with the SyncProgress of the request.
http::Response progress_response(const ApiContext& context, const sdk::Request& request);

// A query value as a number within bounds; nothing, with `problem` set, when it is none.
std::optional<std::uint64_t> query_number(const http::Request& request, std::string_view name,
                                          std::uint64_t fallback, std::uint64_t lowest,
                                          std::uint64_t highest, http::Response& problem);

}  // namespace godwit::master
