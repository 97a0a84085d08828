#include "master/quarantine.h"

#include <algorithm>
#include <array>

#include "base/file_code.h"
#include "base/log.h"

namespace godwit::master {
namespace {

using base::FileCode;
using base::Millis;
using sdk::Count;

const base::Log kLog{"master"};

// What may be the machine's fault, and not the file's or the other side's.
bool may_be_the_workers(const std::string& code) {
    constexpr std::array kCodes{FileCode::InputOutput, FileCode::PermissionDenied,
                                FileCode::TimedOut,    FileCode::DigestMismatch,
                                FileCode::NoWorker,    FileCode::Internal};
    return std::any_of(kCodes.begin(), kCodes.end(),
                       [&](FileCode known) { return code == base::to_string(known); });
}

// The first error of the kind, of the whole or of a file; null: there is none.
const sdk::FileError* workers_error_in(const model::AssignmentResult& result) {
    if (!result.success && may_be_the_workers(result.error.code)) return &result.error;
    const auto& errors = result.effects.errors;
    const auto found = std::find_if(errors.begin(), errors.end(), [](const sdk::FileError& error) {
        return may_be_the_workers(error.code);
    });
    return found == errors.end() ? nullptr : &*found;
}

}  // namespace

Testimony testimony_of(const model::AssignmentResult& result) {
    if (result.released || result.pause) return Testimony::Nothing;
    const sdk::Counters& counters = result.effects.counters;
    const bool something_done =
        counters[Count::FilesCopied] > 0 || counters[Count::BytesCopied] > 0;
    if (something_done) return Testimony::Good;
    if (workers_error_in(result) != nullptr) return Testimony::Bad;
    return result.success ? Testimony::Good : Testimony::Nothing;
}

void Quarantine::note(const model::AssignmentResult& result, base::Deadline now) {
    const Testimony testimony = testimony_of(result);
    if (testimony == Testimony::Nothing) return;
    if (testimony == Testimony::Good) {
        const std::lock_guard lock{mutex_};
        records_[result.worker] = Record{{}, {}, now, {}, now};
        return;
    }
    const sdk::FileError& error = *workers_error_in(result);
    const auto sentence = judge(result.worker, error, now);
    if (!sentence) return;
    const auto length = std::chrono::duration_cast<std::chrono::seconds>(sentence->until - now);
    kLog.warning(
        "nothing succeeds on a worker while others do their work: it gets none for a while",
        {{"worker", result.worker},
         {"for_seconds", length.count()},
         {"times", sentence->times},
         {"code", error.code},
         {"reason", error.message}});
}

std::optional<Quarantine::Sentence> Quarantine::judge(const sdk::WorkerId& worker,
                                                      const sdk::FileError& error,
                                                      base::Deadline now) {
    const std::lock_guard lock{mutex_};
    Record& record = records_[worker];
    record.noted_at = now;
    // It still reports what it was given before.
    if (now < record.sentence.until) return {};
    if (record.failed.empty()) record.failing_since = now;
    if (record.failed.size() < kFailuresInARow) record.failed.insert(error.path);
    if (record.failed.size() < kFailuresInARow) return {};
    // If nobody succeeds, it is not this machine.
    if (!others_succeeded_since(worker, record.failing_since)) return {};
    const std::uint32_t doublings = std::min<std::uint32_t>(record.sentence.times, 10);
    const Millis length = std::min(kShortest * (1 << doublings), kLongest);
    record.sentence = {now + length, record.sentence.times + 1, error.code};
    record.failed.clear();
    return record.sentence;
}

bool Quarantine::others_succeeded_since(const sdk::WorkerId& worker, base::Deadline since) const {
    return std::any_of(records_.begin(), records_.end(), [&](const auto& entry) {
        return entry.first != worker && entry.second.succeeded_at.value_or(since) > since;
    });
}

void Quarantine::lift(const sdk::WorkerId& worker) {
    const std::lock_guard lock{mutex_};
    records_.erase(worker);
}

void Quarantine::tidy(const std::vector<sdk::Worker>& known, base::Deadline looked_at) {
    const std::lock_guard lock{mutex_};
    std::erase_if(records_, [&](const auto& entry) {
        // Of a worker that may have come since they were looked at.
        if (entry.second.noted_at >= looked_at) return false;
        return std::none_of(known.begin(), known.end(),
                            [&](const sdk::Worker& worker) { return worker.id == entry.first; });
    });
}

std::optional<Quarantine::Sentence> Quarantine::of(const sdk::WorkerId& worker,
                                                   base::Deadline now) const {
    const std::lock_guard lock{mutex_};
    const auto found = records_.find(worker);
    if (found == records_.end() || now >= found->second.sentence.until) return {};
    return found->second.sentence;
}

}  // namespace godwit::master
