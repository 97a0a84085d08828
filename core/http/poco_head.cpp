#include "http/poco_head.h"

#include <Poco/Exception.h>
#include <Poco/MemoryStream.h>
#include <Poco/Net/HTTPRequest.h>

namespace godwit::http {

using Poco::Net::HTTPMessage;
using Poco::Net::HTTPRequest;

bool poco_reads_the_same(std::string_view bytes, const Head& head) noexcept {
    // It would decode the words of RFC 2047, by code that had a hole once (CVE-2023-52389).
    if (bytes.find("=?") != std::string_view::npos) return true;
    try {
        Poco::MemoryInputStream input{bytes.data(), static_cast<std::streamsize>(bytes.size())};
        HTTPRequest request;
        request.read(input);
        const std::string& version = head.http_1_0 ? HTTPMessage::HTTP_1_0 : HTTPMessage::HTTP_1_1;
        return request.getMethod() == head.method && request.getURI().ends_with(head.target) &&
               request.getVersion() == version && request.size() == head.headers.size() &&
               request.hasContentLength() == head.has_length &&
               (!head.has_length ||
                static_cast<std::uint64_t>(request.getContentLength64()) == head.body_bytes) &&
               !request.getChunkedTransferEncoding();
    } catch (const Poco::Exception&) {
        return false;
    } catch (const std::exception&) {
        return false;
    }
}

}  // namespace godwit::http
