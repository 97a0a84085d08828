// Reads a pack's files into segments and offers them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "transfer/delivery.h"
#include "transfer/offers.h"
#include "transfer/stream.h"

namespace godwit::transfer {

// Used once, on one executor.
class PackSender {
public:
    // All of them outlive it. What is done in `report` already is passed over.
    PackSender(const std::shared_ptr<PeerClient>& peer, Offers& offers, const Sending& sending,
               Waits& waits, std::uint64_t job, const files::Tree& source, const work::Pack& pack,
               PackReport report);

    PackReport run();

private:
    const work::FileEntry& entry_at(Place place) const;
    void add(const SourceFolder& folder, Place place);
    bool fill(const SourceFolder& folder, work::FileEntry& entry, std::span<std::byte> out,
              Trouble& trouble);
    void flush();
    void send_damaged_alone();
    void take_answer(const std::vector<Place>& places, const peer::Frame& answer);
    void take_damage(const std::vector<Place>& places, const Trouble& trouble);
    void send_in_ranges(const SourceFolder& folder, Place place);
    void publish(Place place, work::FileEntry entry, std::uint64_t temporary, bool all_hole,
                 bool good, Trouble trouble);

    const std::shared_ptr<PeerClient>& peer_;
    Offers& offers_;
    const Sending& sending_;
    Waits& waits_;
    const std::uint64_t job_;
    const files::Tree& source_;
    const work::Pack& pack_;
    PackReport report_;
    peer::Frame frame_;  // Collects the entries whose contents are in buffer_.
    Buffer buffer_;
    std::size_t filled_ = 0;
    std::vector<Place> places_;  // Of frame_'s entries.
    // Of segments that arrive damaged: which of them is it that cannot be sent?
    std::vector<Place> damaged_;
    std::optional<Trouble> damaged_range_;
};

}  // namespace godwit::transfer
