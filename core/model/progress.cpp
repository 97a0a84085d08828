#include "model/progress.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/file_code.h"
#include "model/assignment.h"
#include "model/counters.h"
#include "model/writer.h"

namespace godwit::model {
namespace {

using sdk::Count;
using sdk::RequestState;
using sdk::UnitKind;

// What is free to read of a document that may be there or not.
const RequestOptions& options_of(const SyncRequest* document) noexcept {
    static const RequestOptions kDefaults;
    return document == nullptr ? kDefaults : document->options;
}

std::string resolved_destination(const sdk::Request& request) {
    const std::string& path = request.destination_path;
    // The source may have become a directory since.
    if (request.resolution != kIntoDirectory || request.counters[Count::Directories] > 0) {
        return path;
    }
    const std::string name = request.source_path.substr(request.source_path.rfind('/'));
    return path == "/" ? name : path + name;
}

void write_progress(Writer& json, const Shown& shown) {
    const sdk::Request& request = *shown.request;
    const Pace& pace = shown.pace;
    const RequestOptions& options = options_of(shown.document);
    const std::string& asked =
        shown.document == nullptr ? request.destination_path : shown.document->destination_path;
    json.object([&] {
        json.member("request_id", request.id);
        json.member("state", sdk::to_string(request.state));
        json.member("phase", phase_of(request, options));
        json.member("reason", request.reason);
        json.path("source_path", request.source_path);
        json.path("destination_path", asked);
        json.path("resolved_destination", resolved_destination(request));
        json.member("priority", request.priority);
        json.member("transferred_bytes", request.counters[Count::BytesCopied]);
        json.member("total_bytes", request.counters[Count::BytesPlanned]);
        json.member("percent", percent_of(request, options));
        write_counters(json, request.counters, true);
        json.member("listing_complete", listing_complete(request, options));
        json.member("assignments", [&] {
            for (std::size_t i = 0; i < sdk::kUnitKinds; ++i) {
                json.member(sdk::to_string(static_cast<UnitKind>(i)), [&] {
                    json.member("pending", request.backlog.pending[i]);
                    json.member("leased", request.backlog.leased[i]);
                });
            }
        });
        json.member("rate_bytes_per_second", static_cast<std::int64_t>(pace.bytes_per_second));
        json.member("eta_seconds", pace.eta_seconds);
        json.member("limited_by", or_null(pace.limited_by));
        json.member("created_at", request.created_at);
        json.member("started_at", request.started_at);
        json.member("updated_at", request.updated_at);
        json.member("finished_at", request.finished_at);
        json.member("detail", [&] {
            for (const auto& [author, text] : request.detail) json.member(author, text);
        });
        json.member("error_count", request.error_count);
    });
}

void write_file_error(Writer& json, const sdk::FileError& error) {
    json.object([&] {
        json.member("code", error.code);
        json.member("errno", error.error_number);
        json.member("retryable", error.retryable);
        json.path("path", error.path);
        json.member("offset", error.offset);
        json.member("worker_id", error.worker);
        json.member("attempt", error.attempt);
        json.member("first_at", error.first_at);
        json.member("last_at", error.last_at);
        json.member("message", error.message);
    });
}

void write_file(Writer& json, const sdk::Lease& lease) {
    json.object([&] {
        json.path("path", lease.unit.label);
        json.member("state", "in_flight");
        json.member("kind", sdk::to_string(lease.unit.kind));
        json.member("worker_id", lease.worker);
        json.member("files", lease.unit.files);
        json.member("offset", lease.unit.offset);
        json.member("bytes", lease.unit.bytes);
        json.member("attempt", lease.attempt);
    });
}

void write_file(Writer& json, const sdk::FileError& error) {
    json.object([&] {
        json.path("path", error.path);
        json.member("state", error.code == "source_vanished" ? "vanished" : "failed");
        json.member("code", error.code);
        json.member("worker_id", error.worker);
        json.member("message", error.message);
    });
}

void write_quarantine(Writer& json, const Quarantined& quarantine) {
    json.object([&] {
        json.member("until", quarantine.until);
        json.member("times", quarantine.times);
        json.member("reason", quarantine.reason);
    });
}

void write_worker(Writer& json, const sdk::Worker& worker, const Quarantined* quarantine) {
    json.object([&] {
        json.member("worker_id", worker.id);
        json.member("status", worker.status);
        json.list("storage_paths", [&] {
            for (const std::string& path : worker.storage_paths) json.value(path);
        });
        json.list("data_plane_endpoints", [&] {
            for (const sdk::Endpoint& endpoint : worker.endpoints) {
                json.object([&] {
                    json.member("iface", endpoint.iface);
                    json.member("address", endpoint.address);
                });
            }
        });
        json.member("control_plane_address", worker.peer_address);
        json.list("transports", [&] {
            for (const std::string& name : worker.transports) json.value(name);
        });
        json.member("slots", worker.slots);
        json.member("last_seen", worker.last_seen);
        json.member("silent_seconds", worker.silent_for.count() / 1000);
        if (quarantine == nullptr) {
            json.member("quarantine", std::optional<std::string>{});
        } else {
            json.key("quarantine");
            write_quarantine(json, *quarantine);
        }
    });
}

}  // namespace

std::string_view phase_of(const sdk::Request& request, const RequestOptions& options) noexcept {
    if (request.state != RequestState::Progress && request.state != RequestState::Paused) return "";
    if (!listing_complete(request, options)) return "planning";
    if (request.backlog.outstanding() == 0) return "finalizing";
    if (request.backlog.stage < kDeleteStage) return "copying";
    return request.backlog.stage < kDirectoryStage - kDepthMax ? "deleting" : "finalizing";
}

bool listing_complete(const sdk::Request& request, const RequestOptions& options) noexcept {
    switch (request.state) {
    case RequestState::Queued:
    case RequestState::Failed:
    case RequestState::Cancelled: return false;
    case RequestState::Completed: return true;
    case RequestState::CompletedWithErrors: return request.counters[Count::ListingsGivenUp] == 0;
    case RequestState::Progress:
    case RequestState::Paused: break;
    }
    std::uint64_t listings = request.backlog.outstanding_of(UnitKind::Listing);
    if (listings != 0 && request.backlog.stage != kCopyStage) return true;
    // The first listing, which counts the source's own directory, adds the one that deletes; that
    // one waits until all copies have ended.
    const bool delete_waits = options.delete_surplus == Delete::After && !options.dry_run &&
                              request.counters[Count::Directories] > 0;
    if (delete_waits && listings > 0) --listings;
    return listings == 0;
}

std::optional<std::int64_t> percent_of(const sdk::Request& request,
                                       const RequestOptions& options) noexcept {
    if (request.state == RequestState::Completed) return 100;
    if (!listing_complete(request, options)) return {};
    const std::int64_t planned = request.counters[Count::BytesPlanned];
    const std::int64_t copied = std::min(request.counters[Count::BytesCopied], planned);
    if (planned <= 0) return 0;
    return static_cast<std::int64_t>(100.0L * static_cast<long double>(copied) /
                                     static_cast<long double>(planned));
}

std::string print_progress(const sdk::Request& request, const Pace& pace,
                           const SyncRequest* document) {
    Writer json;
    write_progress(json, {&request, document, pace});
    return std::move(json).text();
}

std::string print_progress_list(std::span<const Shown> requests) {
    Writer json;
    json.array([&] {
        for (const Shown& shown : requests) write_progress(json, shown);
    });
    return std::move(json).text();
}

std::string print_file_error(const sdk::FileError& error) {
    Writer json;
    write_file_error(json, error);
    return std::move(json).text();
}

std::string print_error_page(const sdk::ErrorPage& page) {
    Writer json;
    json.object([&] {
        json.list("errors", [&] {
            for (const sdk::FileError& error : page.errors) write_file_error(json, error);
        });
        json.member("next", or_null(page.next));
    });
    return std::move(json).text();
}

std::string print_file_page(std::span<const sdk::Lease> in_flight, const sdk::ErrorPage& failed) {
    Writer json;
    json.object([&] {
        json.list("files", [&] {
            for (const sdk::Lease& lease : in_flight) write_file(json, lease);
            for (const sdk::FileError& error : failed.errors) write_file(json, error);
        });
        json.member("next", or_null(failed.next));
    });
    return std::move(json).text();
}

std::string print_file_lines(std::span<const sdk::Lease> in_flight, const sdk::ErrorPage& failed) {
    std::string lines;
    const auto add = [&](const auto& file) {
        Writer json;
        write_file(json, file);
        lines += std::move(json).text() + "\n";
    };
    for (const sdk::Lease& lease : in_flight) add(lease);
    for (const sdk::FileError& error : failed.errors) add(error);
    return lines;
}

std::string print_workers(const WorkerLists& lists) {
    Writer json;
    json.object([&] {
        const auto write = [&](std::string_view name,
                               const std::optional<std::span<const sdk::Worker>>& workers) {
            if (!workers) return;
            json.list(name, [&] {
                for (const sdk::Worker& worker : *workers) {
                    const auto quarantine = lists.quarantined.find(worker.id);
                    write_worker(
                        json, worker,
                        quarantine == lists.quarantined.end() ? nullptr : &quarantine->second);
                }
            });
        };
        write("active", lists.active);
        write("inactive", lists.inactive);
    });
    return std::move(json).text();
}

}  // namespace godwit::model
