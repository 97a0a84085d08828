#include "base/ticket.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <charconv>

#include "base/bytes.h"

namespace godwit::base {
namespace {

std::int64_t unix_seconds(WallTime time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

// Lengths stand before the texts: no two claims have the same bytes.
std::string bytes_of(const TicketClaim& claim, std::int64_t expiry) {
    std::string bytes = "godwit-ticket-1";
    for (const std::string& part :
         {claim.request_id, to_hex(claim.generation), claim.source_worker, claim.destination_worker,
          claim.destination_path, std::to_string(expiry)}) {
        bytes += to_hex(static_cast<std::uint64_t>(part.size())) + part;
    }
    return bytes;
}

std::string signature_of(const Secret& secret, const std::string& bytes) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int length = 0;
    const std::string& key = secret.reveal();
    ::HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data(),
           &length);
    return to_hex(std::string_view{reinterpret_cast<const char*>(digest.data()), length});
}

}  // namespace

std::string sign_ticket(const Secret& secret, const TicketClaim& claim, WallTime expiry) {
    const std::int64_t seconds = unix_seconds(expiry);
    return std::to_string(seconds) + "." + signature_of(secret, bytes_of(claim, seconds));
}

Status check_ticket(const Secret& secret, const TicketClaim& claim, std::string_view ticket,
                    WallTime now) {
    std::int64_t expiry = 0;
    const char* end = ticket.data() + ticket.size();
    const auto [stop, error] = std::from_chars(ticket.data(), end, expiry);
    if (error != std::errc{} || stop == end || *stop != '.') {
        return Error{Code::InvalidArgument, "the ticket is malformed"};
    }
    const std::string_view given{stop + 1, static_cast<std::size_t>(end - stop - 1)};
    const std::string wanted = signature_of(secret, bytes_of(claim, expiry));
    if (given.size() != wanted.size() ||
        CRYPTO_memcmp(given.data(), wanted.data(), wanted.size()) != 0) {
        return Error{Code::InvalidArgument,
                     "the ticket is not signed for this: do master and agents have the same "
                     "ticket_secret?"};
    }
    if (unix_seconds(now) > expiry) {
        return Error{Code::InvalidArgument,
                     "the ticket has expired: are the clocks of master and agents in step?"};
    }
    return {};
}

}  // namespace godwit::base
