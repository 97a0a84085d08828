#include "http/tally.h"

#include <algorithm>
#include <string>

namespace godwit::http {
namespace {

// Clients may invent methods; labels stay few.
std::string_view known_method(std::string_view method) noexcept {
    constexpr std::string_view kKnown[] = {"GET",   "HEAD",   "POST",   "PUT",
                                           "PATCH", "DELETE", "OPTIONS"};
    const auto* found = std::find(std::begin(kKnown), std::end(kKnown), method);
    return found != std::end(kKnown) ? *found : "other";
}

}  // namespace

void Tally::answered(const Exchange& exchange, int status, double seconds) {
    std::string_view route = "none";
    if (exchange.route != nullptr) route = exchange.route->pattern;
    Sum& sum = sums_[{known_method(exchange.request.method), route, status / 100}];
    ++sum.requests;
    sum.seconds += seconds;
    has_news_ = true;
}

void Tally::flush(std::size_t connections, std::size_t parked) {
    for (auto& [key, sum] : sums_) {
        if (sum.requests == 0) continue;
        const auto& [method, route, status_class] = key;
        base::Metrics::Labels labels{{"method", std::string{method}},
                                     {"route", std::string{route}}};
        metrics_.add("godwit_http_request_seconds_sum",
                     "Time from a request's head to its answer, in seconds", labels, sum.seconds);
        metrics_.add("godwit_http_request_seconds_count", "Requests that were answered", labels,
                     static_cast<double>(sum.requests));
        labels.emplace("status", std::to_string(status_class) + "xx");
        metrics_.add("godwit_http_requests_total", "Requests that were answered, by outcome",
                     labels, static_cast<double>(sum.requests));
        sum = {};
    }
    metrics_.set("godwit_http_connections", "Open connections", {},
                 static_cast<double>(connections));
    metrics_.set("godwit_http_parked_requests", "Long polls that wait for something to happen", {},
                 static_cast<double>(parked));
    if (turned_away_ > 0) {
        metrics_.add("godwit_http_turned_away_total", "Connections beyond the limit", {},
                     static_cast<double>(turned_away_));
        turned_away_ = 0;
    }
    has_news_ = false;
}

}  // namespace godwit::http
