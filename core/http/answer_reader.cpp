#include "http/answer_reader.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "http/text.h"

namespace godwit::http {
namespace {

constexpr int kInterimAnswersMax = 8;
constexpr std::size_t kChunkLineBytesMax = 256;
constexpr std::size_t kTrailerBytesMax = 8 << 10;

Error nonsense(std::string_view what) {
    return Error{Code::UnknownOutcome, "the answer makes no sense: " + std::string{what}};
}

}  // namespace

Status AnswerReader::take(std::string_view bytes) {
    has_begun_ |= !bytes.empty();
    read_.erase(0, read_at_);
    read_at_ = 0;
    read_ += bytes;
    for (;;) {
        const auto moved = step();
        if (!moved) return moved.error();
        if (!*moved) return {};
    }
}

Status AnswerReader::end() {
    if (state_ == State::UntilClose) state_ = State::Whole;
    if (state_ == State::Whole) {
        keep_alive_ = false;
        return {};
    }
    return Error{Code::UnknownOutcome, has_begun_
                                           ? "the connection was closed in the middle of the answer"
                                           : "the connection was closed without an answer"};
}

Result<bool> AnswerReader::step() {
    switch (state_) {
    case State::Head: return read_head();
    case State::Length: return read_data(State::Whole);
    case State::ChunkSize: return read_chunk_size();
    case State::ChunkData: return read_data(State::ChunkEnd);
    case State::ChunkEnd: return read_chunk_end();
    case State::Trailers: return read_trailer();
    case State::UntilClose: return read_data(State::UntilClose);
    case State::Whole: return false;
    }
    return false;
}

Result<bool> AnswerReader::read_head() {
    const auto found = scan_.scan(rest());
    if (const auto* refusal = std::get_if<Refusal>(&found)) return nonsense(refusal->detail);
    const auto* const bytes = std::get_if<std::size_t>(&found);
    if (bytes == nullptr) return false;

    const std::string_view head = rest().substr(0, *bytes);
    read_at_ += *bytes;
    scan_.restart();
    const std::size_t line_end = head.find("\r\n");
    if (auto read = read_status_line(head.substr(0, line_end)); !read) return read.error();
    std::string_view lines = head;
    lines.remove_prefix(std::min(line_end + 2, lines.size() - 2));
    lines.remove_suffix(2);
    auto headers = parse_headers(lines);
    if (const auto* refusal = std::get_if<Refusal>(&headers)) return nonsense(refusal->detail);
    answer_.headers = std::move(std::get<Headers>(headers));

    constexpr int kSwitchingProtocols = 101;
    if (answer_.status == kSwitchingProtocols) return nonsense("it switches to another protocol");
    if (answer_.status < 200) {
        if (++interim_answers_ > kInterimAnswersMax) return nonsense("too many interim answers");
        return true;
    }
    if (auto framed = choose_framing(); !framed) return framed.error();
    return true;
}

Status AnswerReader::read_status_line(std::string_view line) {
    // "HTTP/1.1 200 OK"; the reason may be missing, some leave out its blank as well.
    constexpr std::size_t kUpToCode = 9;
    constexpr std::size_t kUpToReason = 12;
    const bool sound =
        line.size() >= kUpToReason &&
        (line.starts_with("HTTP/1.1 ") || line.starts_with("HTTP/1.0 ")) &&
        std::all_of(line.begin() + kUpToCode, line.begin() + kUpToReason, is_digit) &&
        (line.size() == kUpToReason || line[kUpToReason] == ' ');
    if (!sound) return nonsense("it does not begin with 'HTTP/1.1 <status>'");
    keep_alive_ = line.starts_with("HTTP/1.1");
    const char* const code = line.data() + kUpToCode;
    std::from_chars(code, code + 3, answer_.status);
    if (answer_.status < 100) return nonsense("its status is below 100");
    return {};
}

Status AnswerReader::choose_framing() {
    std::optional<std::string_view> length;
    std::optional<std::string_view> encoding;
    for (const auto& [name, value] : answer_.headers) {
        if (equals_ignoring_case(name, "Content-Length")) {
            if (length) return nonsense("more than one Content-Length");
            length = value;
        } else if (equals_ignoring_case(name, "Transfer-Encoding")) {
            if (encoding) return nonsense("more than one Transfer-Encoding");
            encoding = value;
        } else if (equals_ignoring_case(name, "Connection")) {
            if (equals_ignoring_case(value, "close")) keep_alive_ = false;
            if (equals_ignoring_case(value, "keep-alive")) keep_alive_ = true;
        }
    }
    if (length && encoding) return nonsense("both Content-Length and Transfer-Encoding");
    if (no_body_ || answer_.status == 204 || answer_.status == 304) {
        state_ = State::Whole;
    } else if (encoding) {
        if (!equals_ignoring_case(*encoding, "chunked")) {
            return nonsense("a Transfer-Encoding other than chunked");
        }
        state_ = State::ChunkSize;
    } else if (length) {
        const char* const end = length->data() + length->size();
        const auto [stop, error] = std::from_chars(length->data(), end, left_);
        if (error != std::errc{} || stop != end) {
            return nonsense("Content-Length is not a number");
        }
        state_ = left_ == 0 ? State::Whole : State::Length;
    } else {
        left_ = UINT64_MAX;
        keep_alive_ = false;
        state_ = State::UntilClose;
    }
    if (state_ == State::Length && left_ > body_bytes_max_) {
        return nonsense("it is longer than " + std::to_string(body_bytes_max_) + " bytes");
    }
    return {};
}

Result<bool> AnswerReader::read_data(State next) {
    const std::string_view data = rest().substr(0, left_);
    if (answer_.body.size() + data.size() > body_bytes_max_) {
        return nonsense("it is longer than " + std::to_string(body_bytes_max_) + " bytes");
    }
    answer_.body += data;
    read_at_ += data.size();
    if (state_ == State::UntilClose) return false;
    left_ -= data.size();
    if (left_ > 0) return false;
    state_ = next;
    return true;
}

Result<std::string_view> AnswerReader::next_line(std::size_t bytes_max) const {
    const std::size_t end = rest().find("\r\n");
    if (end == std::string::npos && rest().size() <= bytes_max) return std::string_view{};
    if (end == std::string::npos || end > bytes_max) return nonsense("a line is too long");
    return rest().substr(0, end);
}

Result<bool> AnswerReader::read_chunk_size() {
    const auto line = next_line(kChunkLineBytesMax);
    if (!line) return line.error();
    if (line->data() == nullptr) return false;
    const char* const end = line->data() + line->size();
    const auto [stop, error] = std::from_chars(line->data(), end, left_, 16);
    const bool ends = stop == end || *stop == ';' || *stop == ' ' || *stop == '\t';
    if (error != std::errc{} || !ends) return nonsense("a chunk without its size");
    if (left_ > body_bytes_max_) {
        return nonsense("it is longer than " + std::to_string(body_bytes_max_) + " bytes");
    }
    read_at_ += line->size() + 2;
    state_ = left_ == 0 ? State::Trailers : State::ChunkData;
    return true;
}

Result<bool> AnswerReader::read_chunk_end() {
    if (rest().size() < 2) return false;
    if (!rest().starts_with("\r\n")) return nonsense("a chunk is longer than its size");
    read_at_ += 2;
    state_ = State::ChunkSize;
    return true;
}

Result<bool> AnswerReader::read_trailer() {
    const auto line = next_line(kTrailerBytesMax - trailer_bytes_);
    if (!line) return line.error();
    if (line->data() == nullptr) return false;
    read_at_ += line->size() + 2;
    trailer_bytes_ = std::min(trailer_bytes_ + line->size() + 2, kTrailerBytesMax);
    if (line->empty()) state_ = State::Whole;
    return true;
}

}  // namespace godwit::http
