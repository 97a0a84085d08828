// Whether a request may delete what is surplus at its destination: judged once, when every copy has
// ended, before the first delete.
#pragma once

#include <string>

#include "base/result.h"
#include "godwit/sdk/state_store.h"
#include "master/documents.h"
#include "model/options.h"

namespace godwit::master {

struct DeleteVerdict {
    enum class Kind : std::uint8_t {
        Go,
        Nothing,  // There is nothing to delete, or nobody wants it deleted.
        Refused,
    };
    Kind kind = Kind::Nothing;
    std::string code;     // Where refused: max_delete_exceeded or delete_skipped.
    std::string message;  // With the numbers.

    bool operator==(const DeleteVerdict&) const = default;
};

// Pure. Of counters in which every copy has ended.
DeleteVerdict delete_verdict(const sdk::Counters& counters, const model::RequestOptions& options);

// By its unit: the verdict that is due, or one of the deletes that wait for it.
bool is_delete(const sdk::Unit& unit) noexcept;

// Thread-safe.
class DeleteGuard {
public:
    // Both outlive it.
    DeleteGuard(sdk::StateStore& store, Documents& documents)
        : store_{store}, documents_{documents} {}

    // Of a delete that was claimed: true, and it may be handed out; false, and its lease has ended:
    // with the unit (the verdict always, and a delete that it refuses), or, when the store fails,
    // to be claimed again.
    bool lets_go(const sdk::RequestId& request, const sdk::Lease& lease);

private:
    void end(const sdk::RequestId& request, const sdk::Lease& lease, const DeleteVerdict& verdict);
    void give_back(const sdk::RequestId& request, const sdk::Lease& lease);

    sdk::StateStore& store_;
    Documents& documents_;
};

}  // namespace godwit::master
