// What the server counts: added up here for a moment, and handed to the metrics in one go.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <tuple>

#include "base/metrics.h"
#include "http/exchange.h"

namespace godwit::http {

// Owned by the loop's thread. Looking a counter up in the registry takes longer than a request.
class Tally {
public:
    explicit Tally(base::Metrics& metrics) noexcept : metrics_{metrics} {}

    void answered(const Exchange& exchange, int status, double seconds);
    void turned_away() noexcept { ++turned_away_; }

    bool has_news() const noexcept { return has_news_; }
    void flush(std::size_t connections, std::size_t parked);
    // The gauges may have changed.
    void note() noexcept { has_news_ = true; }

private:
    struct Sum {
        std::uint64_t requests = 0;
        double seconds = 0;
    };
    // Method, route, class of the status. The texts outlive the tally: they are constants, or the
    // router's.
    std::map<std::tuple<std::string_view, std::string_view, int>, Sum> sums_;
    std::uint64_t turned_away_ = 0;
    bool has_news_ = false;
    base::Metrics& metrics_;
};

}  // namespace godwit::http
