// The OpenAPI document against the routes that the master has.
#include <Poco/JSON/Object.h>

#include <algorithm>
#include <cctype>

#include "cluster_in_memory.h"
#include "master/api.h"
#include "model/json.h"
#include "model/openapi.h"

namespace godwit::master {
namespace {

class OpenApi : public ClusterInMemory {
protected:
    std::vector<std::string> routes() {
        PaceWatch pace;
        base::Metrics metrics;
        const ApiContext context{.settings = settings_,
                                 .store = store_,
                                 .cluster = cluster_,
                                 .lifecycle = lifecycle_,
                                 .scheduler = scheduler_,
                                 .results = results_,
                                 .pace = pace,
                                 .metrics = metrics,
                                 .work_came = [] {},
                                 .version_document = {}};
        http::Router router;
        add_request_routes(router, context);
        add_change_routes(router, context);
        add_worker_routes(router, context);
        add_service_routes(router, context);
        return router.list();
    }
};

std::vector<std::string> documented() {
    using Object = Poco::JSON::Object::Ptr;
    std::vector<std::string> calls;
    const auto document = model::parse_json(model::openapi_document());
    for (const auto& [path, methods] : *document->extract<Object>()->getObject("paths")) {
        for (const auto& [method, operation] : *methods.extract<Object>()) {
            std::string call = method + " " + path;
            std::transform(call.begin(), call.begin() + static_cast<long>(method.size()),
                           call.begin(), [](unsigned char c) { return std::toupper(c); });
            calls.push_back(std::move(call));
        }
    }
    return calls;
}

TEST_F(OpenApi, DescribesEveryRouteAndNoOther) {
    EXPECT_THAT(documented(), testing::UnorderedElementsAreArray(routes()));
}

}  // namespace
}  // namespace godwit::master
