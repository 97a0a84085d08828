// Workers on which nothing succeeds while others do their work: they get no new work as a source
// for a while, so that one bad machine does not use up the attempts of every file.
//
// Known to this master only, from the results that it took in.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "base/time.h"
#include "godwit/sdk/types.h"
#include "model/assignment.h"

namespace godwit::master {

// Thread-safe.
class Quarantine {
public:
    // Units, told apart by what they are about, that failed one after the other.
    static constexpr std::size_t kFailuresInARow = 5;
    // The first one's length; each that follows without a success between is twice as long.
    static constexpr base::Millis kShortest{60'000};
    static constexpr base::Millis kLongest{3'600'000};

    // A result that was taken in.
    void note(const model::AssignmentResult& result, base::Deadline now);
    // It was started anew: what was wrong with it may be mended.
    void lift(const sdk::WorkerId& worker);
    // Forgets workers that are gone: not among those that were known at that time.
    void tidy(const std::vector<sdk::Worker>& known, base::Deadline looked_at);

    // Until when it gets no new work; nothing: it does.
    struct Sentence {
        base::Deadline until{};
        std::uint32_t times = 0;
        std::string reason;  // The code of its last failure.
    };
    std::optional<Sentence> of(const sdk::WorkerId& worker, base::Deadline now) const;

private:
    struct Record {
        std::set<std::string> failed;    // Since its last success, up to kFailuresInARow.
        base::Deadline failing_since{};  // While `failed` is not empty.
        std::optional<base::Deadline> succeeded_at;
        Sentence sentence;
        base::Deadline noted_at{};  // The last of its results.
    };
    // A failure of it; the sentence, if it gets one for this.
    std::optional<Sentence> judge(const sdk::WorkerId& worker, const sdk::FileError& error,
                                  base::Deadline now);
    // mutex_ held
    bool others_succeeded_since(const sdk::WorkerId& worker, base::Deadline since) const;

    mutable std::mutex mutex_;
    std::map<sdk::WorkerId, Record> records_;  // guarded by mutex_
};

// What a result says of the worker that it came from.
enum class Testimony : std::uint8_t { Good, Bad, Nothing };
Testimony testimony_of(const model::AssignmentResult& result);

}  // namespace godwit::master
