#include "master/cost_model.h"

#include <algorithm>
#include <cmath>

namespace godwit::master {
namespace {

constexpr double kMebibyte = 1024 * 1024;
// What was seen counts a third of it after so long.
constexpr double kMemorySeconds = 60.0;
// Files and bytes that came in so constant a mixture cannot be told apart.
constexpr double kIndependence = 1e-6;

}  // namespace

void CostModel::learn(double files, double bytes, double seconds) noexcept {
    bytes /= kMebibyte;
    const double kept = std::exp(-seconds / kMemorySeconds);
    files_files_ = kept * files_files_ + files * files;
    files_bytes_ = kept * files_bytes_ + files * bytes;
    bytes_bytes_ = kept * bytes_bytes_ + bytes * bytes;
    files_time_ = kept * files_time_ + files * seconds;
    bytes_time_ = kept * bytes_time_ + bytes * seconds;
}

CostModel::Costs CostModel::costs() const noexcept {
    const double determinant = files_files_ * bytes_bytes_ - files_bytes_ * files_bytes_;
    Costs both;
    if (determinant > kIndependence * files_files_ * bytes_bytes_) {
        both.file = (files_time_ * bytes_bytes_ - bytes_time_ * files_bytes_) / determinant;
        both.mebibyte = (bytes_time_ * files_files_ - files_time_ * files_bytes_) / determinant;
        if (both.file >= 0 && both.mebibyte >= 0) return both;
    }
    // One of them explains it all: the bytes, unless it is bytes that seem to cost nothing.
    const bool by_files = bytes_bytes_ == 0 || both.mebibyte < 0;
    if (by_files && files_files_ > 0) return {files_time_ / files_files_, 0};
    if (bytes_bytes_ > 0) return {0, bytes_time_ / bytes_bytes_};
    return {};
}

std::optional<double> CostModel::seconds_for(double files, double bytes) const noexcept {
    bytes /= kMebibyte;
    if (files <= 0 && bytes <= 0) return 0;
    const Costs known = costs();
    const double seconds = files * known.file + bytes * known.mebibyte;
    if (seconds > 0) return seconds;
    return {};
}

}  // namespace godwit::master
