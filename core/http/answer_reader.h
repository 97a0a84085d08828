// Puts an answer together from the bytes of a connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/client.h"
#include "http/gate.h"

namespace godwit::http {

// Thread-compatible. Believes nothing that can be read in two ways, and holds no more than told.
class AnswerReader {
public:
    // `no_body`: the answer of a HEAD.
    AnswerReader(bool no_body, std::size_t body_bytes_max) noexcept
        : no_body_{no_body}, body_bytes_max_{body_bytes_max} {}

    // The next bytes. An error says what is wrong with the answer; it is lost then.
    Status take(std::string_view bytes);
    // The connection has ended. An error: too early.
    Status end();

    bool has_begun() const noexcept { return has_begun_; }
    bool is_whole() const noexcept { return state_ == State::Whole; }
    // Once it is whole: another request may follow on the connection.
    bool keeps_alive() const noexcept { return keep_alive_ && rest().empty(); }
    Answer take_answer() && { return std::move(answer_); }

private:
    enum class State : std::uint8_t {
        Head,
        Length,     // A body of known length.
        ChunkSize,  // "1a;extension"
        ChunkData,
        ChunkEnd,  // The CRLF behind it.
        Trailers,
        UntilClose,
        Whole
    };
    std::string_view rest() const noexcept { return std::string_view{read_}.substr(read_at_); }
    // One step through rest(); false when it needs more bytes.
    Result<bool> step();
    Result<bool> read_head();
    Result<bool> read_chunk_size();
    Result<bool> read_chunk_end();
    Result<bool> read_trailer();
    Result<bool> read_data(State next);
    Status read_status_line(std::string_view line);
    Status choose_framing();
    // The next line, without its CRLF; a null view when it is not there yet.
    Result<std::string_view> next_line(std::size_t bytes_max) const;

    const bool no_body_;
    const std::size_t body_bytes_max_;
    State state_ = State::Head;
    bool has_begun_ = false;
    bool keep_alive_ = true;
    std::string read_;
    std::size_t read_at_ = 0;  // Where that begins which is not yet understood.
    HeadScan scan_;
    int interim_answers_ = 0;
    std::uint64_t left_ = 0;  // Of the body or chunk.
    std::size_t trailer_bytes_ = 0;
    Answer answer_;
};

}  // namespace godwit::http
