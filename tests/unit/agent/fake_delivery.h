// A delivery to a folder of this machine that goes wrong as a test says.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "transfer/delivery.h"

namespace godwit::agent {

// Everything is done by the real local delivery, unless there is trouble for it.
class FakeDelivery final : public transfer::Delivery {
public:
    FakeDelivery(std::vector<std::string> storage_paths, std::stop_token stop,
                 transfer::Waits& waits)
        : real_{transfer::deliver_locally(
              std::move(storage_paths), ledger_,
              {std::move(stop), std::make_shared<transfer::Pacer>(), waits,
               [this] { return is_given_up && is_given_up(); }})} {}

    transfer::Attempt<peer::Opened> open(const peer::Open& open) override {
        if (open_trouble) return *open_trouble;
        return real_->open(open);
    }
    transfer::Attempt<peer::Viewed> view(peer::View view) override {
        if (on_view) on_view();
        if (view_trouble) return *view_trouble;
        auto answer = real_->view(std::move(view));
        if (change_view) change_view(std::get<peer::Viewed>(answer));
        return answer;
    }
    transfer::Attempt<peer::DigestsDone> digests(peer::Digests digests) override {
        return real_->digests(std::move(digests));
    }
    transfer::PackReport send_pack(const files::Tree& source, const work::Pack& pack,
                                   transfer::PackReport start) override {
        if (report_pack) return report_pack(pack);
        if (on_send) on_send(start);
        return real_->send_pack(source, pack, std::move(start));
    }
    transfer::RangeReport send_range(const files::Tree& source, const work::Range& range,
                                     bool begun) override {
        if (range_trouble) {
            transfer::RangeReport report;
            report.broken = *range_trouble;
            return report;
        }
        return real_->send_range(source, range, begun);
    }
    transfer::Attempt<peer::Published> publish(peer::Publish publish) override {
        if (publish_trouble) return *publish_trouble;
        return real_->publish(std::move(publish));
    }
    transfer::Attempt<peer::DirectoriesDone> set_directories(
        peer::Directories directories) override {
        auto answer = real_->set_directories(std::move(directories));
        if (change_directories) change_directories(std::get<peer::DirectoriesDone>(answer));
        return answer;
    }
    transfer::Attempt<peer::Removed> remove(peer::Remove remove) override {
        auto removed = real_->remove(std::move(remove));
        if (on_removed) on_removed();
        if (removed_trouble) return *removed_trouble;
        if (change_removed) change_removed(std::get<peer::Removed>(removed));
        return removed;
    }

    std::optional<transfer::Trouble> open_trouble;
    std::function<bool()> is_given_up;
    std::optional<transfer::Trouble> view_trouble;
    std::optional<transfer::Trouble> range_trouble;
    std::optional<transfer::Trouble> publish_trouble;
    std::optional<transfer::Trouble> removed_trouble;  // Of the answer: what was to go is gone.
    std::function<void()> on_view;
    std::function<void()> on_removed;
    std::function<void(const transfer::PackReport&)> on_send;
    std::function<void(peer::Viewed&)> change_view;
    std::function<void(peer::Removed&)> change_removed;
    std::function<void(peer::DirectoriesDone&)> change_directories;
    std::function<transfer::PackReport(const work::Pack&)> report_pack;

private:
    transfer::Ledger ledger_;
    const std::unique_ptr<transfer::Delivery> real_;
};

}  // namespace godwit::agent
