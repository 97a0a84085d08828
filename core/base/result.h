// The SDK's vocabulary of failure, for all rooms: godwit::Result, Status, Error, Code.
//
// In here the same rule holds as at the SDK's boundary: what can fail at run time returns a Result
// or a Status. Exceptions of libraries are caught in the one file that calls the library.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

#include "godwit/sdk/result.h"

namespace godwit {

using sdk::Code;
using sdk::Error;
using sdk::guard;
using sdk::Result;
using sdk::Status;
using sdk::wrap;

namespace base {

// "open '/x': Permission denied", with the code that the caller acts on.
inline Error errno_error(std::string_view what, int error_number = errno) {
    Code code = Code::Internal;
    switch (error_number) {
    case ENOENT: code = Code::NotFound; break;
    case EACCES:
    case EPERM:
    case EINVAL:
    case ENOTDIR:
    case EISDIR:
    case EXDEV: code = Code::InvalidArgument; break;  // EXDEV: it leads out of a confined tree.
    case EADDRINUSE:
    case EEXIST: code = Code::Conflict; break;
    case ENOMEM: code = Code::NoMemory; break;
    case ETIMEDOUT: code = Code::TimedOut; break;
    case ECONNREFUSED:
    case ECONNRESET:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EPIPE: code = Code::Unavailable; break;
    default: break;
    }
    return Error{code, std::string{what} + ": " + std::generic_category().message(error_number),
                 error_number};
}

}  // namespace base
}  // namespace godwit
