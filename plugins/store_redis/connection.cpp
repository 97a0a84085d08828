#include "connection.h"

#include <hiredis/hiredis.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace godwit::store_redis {
namespace {

using sdk::Code;
using sdk::Error;

timeval to_timeval(sdk::Millis duration) {
    const auto count = duration.count();
    return {.tv_sec = count / 1000, .tv_usec = count % 1000 * 1000};
}

struct ReplyCloser {
    void operator()(redisReply* reply) const noexcept { ::freeReplyObject(reply); }
};
struct CommandCloser {
    void operator()(char* command) const noexcept { ::redisFreeCommand(command); }
};

Reply to_reply(const redisReply& raw) {
    Reply reply;
    switch (raw.type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS: reply.kind = Reply::Kind::Text; break;
    case REDIS_REPLY_ERROR: reply.kind = Reply::Kind::Error; break;
    case REDIS_REPLY_INTEGER: reply.kind = Reply::Kind::Integer; break;
    case REDIS_REPLY_ARRAY: reply.kind = Reply::Kind::List; break;
    default: break;
    }
    reply.integer = raw.integer;
    if (raw.str != nullptr) reply.text.assign(raw.str, raw.len);
    reply.items.reserve(raw.elements);
    for (std::size_t i = 0; i < raw.elements; ++i) reply.items.push_back(to_reply(*raw.element[i]));
    return reply;
}

// hiredis leaves "Resource temporarily unavailable" where a time-out is what happened.
std::string reason_of(const redisContext& context) {
    if (context.err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return "no answer in time";
    }
    return context.errstr[0] != '\0' ? context.errstr : "unknown failure";
}

}  // namespace

void Connection::Closer::operator()(redisContext* context) const noexcept {
    ::redisFree(context);
}

sdk::Result<std::unique_ptr<Connection>> Connection::open(const Target& target,
                                                          sdk::Millis connect_timeout,
                                                          sdk::Millis command_timeout) {
    const std::string what = "connect to " + target.shown();
    const timeval patience = to_timeval(connect_timeout);
    Context context{target.host.empty()
                        ? ::redisConnectUnixWithTimeout(target.path.c_str(), patience)
                        : ::redisConnectWithTimeout(target.host.c_str(), target.port, patience)};
    if (!context) return Error{Code::Unavailable, what + ": out of memory"};
    if (context->err != 0) {
        return Error{Code::Unavailable, what + ": " + reason_of(*context)};
    }
    if (::redisSetTimeout(context.get(), to_timeval(command_timeout)) != REDIS_OK) {
        return Error{Code::Unavailable, what + ": set time-out: " + context->errstr};
    }
    // Without it a server that vanished without a word holds a subscriber forever. Sockets of the
    // local host cannot have it and do not need it.
    if (!target.host.empty()) ::redisEnableKeepAlive(context.get());
    return std::unique_ptr<Connection>{new Connection{std::move(context), target.shown()}};
}

int Connection::fd() const noexcept {
    return context_->fd;
}

Error Connection::failure(Code code, const std::string& why) {
    broken_ = true;
    return Error{code, "ask " + where_ + ": " + why, errno};
}

sdk::Status Connection::send(Words command) {
    std::vector<const char*> words;
    std::vector<std::size_t> sizes;
    for (const std::string_view word : command) {
        words.push_back(word.data());
        sizes.push_back(word.size());
    }
    char* formatted = nullptr;
    const int size = ::redisFormatCommandArgv(&formatted, static_cast<int>(words.size()),
                                              words.data(), sizes.data());
    const std::unique_ptr<char, CommandCloser> owner{formatted};
    if (size < 0) return failure(Code::Unavailable, "format the command: out of memory");

    // Not by hiredis: it uses write(), which raises SIGPIPE, and does not tell how much got out.
    std::string_view rest{formatted, static_cast<std::size_t>(size)};
    while (!rest.empty()) {
        const ssize_t sent = ::send(fd(), rest.data(), rest.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return failure(Code::Unavailable, std::generic_category().message(errno));
        rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    return {};
}

sdk::Result<Reply> Connection::receive() {
    void* raw = nullptr;
    if (::redisGetReply(context_.get(), &raw) != REDIS_OK || raw == nullptr) {
        return failure(Code::UnknownOutcome, reason_of(*context_));
    }
    const std::unique_ptr<redisReply, ReplyCloser> owner{static_cast<redisReply*>(raw)};
    return to_reply(*owner);
}

sdk::Result<Reply> Connection::call(Words command) {
    if (auto status = send(command); !status) return std::move(status).error();
    return receive();
}

sdk::Result<std::vector<Reply>> Connection::receive_some() {
    std::vector<Reply> replies;
    if (::redisBufferRead(context_.get()) != REDIS_OK) {
        return failure(Code::Unavailable, reason_of(*context_));
    }
    while (true) {
        void* raw = nullptr;
        if (::redisGetReplyFromReader(context_.get(), &raw) != REDIS_OK) {
            return failure(Code::Unavailable, reason_of(*context_));
        }
        if (raw == nullptr) return replies;
        const std::unique_ptr<redisReply, ReplyCloser> owner{static_cast<redisReply*>(raw)};
        replies.push_back(to_reply(*owner));
    }
}

bool Connection::is_stale() const noexcept {
    char byte = 0;
    const ssize_t got = ::recv(fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

}  // namespace godwit::store_redis
