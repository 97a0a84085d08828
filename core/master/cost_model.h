// What a file costs, and what a byte costs, in seconds of a request's time: learnt by watching it.
//
// Neither rate alone foretells the end: a million small files end when they are all opened and
// closed, one large file when its bytes have moved, and most requests are something between.
#pragma once

#include <optional>

namespace godwit::master {

// Least squares of time over files and bytes, in which what was seen longer ago counts less.
// Thread-compatible.
class CostModel {
public:
    // So much was done within the time.
    void learn(double files, double bytes, double seconds) noexcept;
    // How long so much will take; nothing when too little was seen to tell.
    std::optional<double> seconds_for(double files, double bytes) const noexcept;

private:
    struct Costs {
        double file = 0;
        double mebibyte = 0;
    };
    Costs costs() const noexcept;

    // Sums of products.
    double files_files_ = 0;
    double files_bytes_ = 0;
    double bytes_bytes_ = 0;
    double files_time_ = 0;
    double bytes_time_ = 0;
};

}  // namespace godwit::master
