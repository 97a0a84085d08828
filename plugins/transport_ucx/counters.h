// What the plugin counts for the host. Thread-safe.
#pragma once

#include "godwit/sdk/host.h"

namespace godwit::transport_ucx {

struct Counters {
    explicit Counters(sdk::Metrics& metrics)
        : gets{metrics.counter("godwit_ucx_gets_total", "gets that brought their bytes")},
          get_bytes{metrics.counter("godwit_ucx_get_bytes_total", "bytes that gets brought")},
          get_failures{metrics.counter("godwit_ucx_get_failures_total", "gets that failed")},
          refusals{metrics.counter("godwit_ucx_refusals_total",
                                   "gets of others that a key or a range did not allow")},
          rejections{metrics.counter("godwit_ucx_rejections_total",
                                     "connections of others that were turned away")},
          peers_lost{metrics.counter("godwit_ucx_peers_lost_total",
                                     "peers that went down without being given up")} {}

    sdk::Counter& gets;
    sdk::Counter& get_bytes;
    sdk::Counter& get_failures;
    sdk::Counter& refusals;
    sdk::Counter& rejections;
    sdk::Counter& peers_lost;
};

}  // namespace godwit::transport_ucx
