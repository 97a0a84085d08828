#include "cli/master_call.h"

#include <iostream>

#include "cli/outcome.h"
#include "model/json.h"

namespace godwit::cli {
namespace {

constexpr base::Millis kConnectTimeout{5'000};

// 422 about a path is rsync's "errors selecting input/output files, dirs".
int exit_code_for(int status, const Object& problem) {
    if (status != 422 || problem.isNull()) return status == 503 ? kUnreachable : kRefused;
    const auto errors = problem->getArray("errors");
    if (errors.isNull()) return kUsage;
    for (const auto& item : *errors) {
        const std::string place = item.toString();
        if (place.find("source_path") != std::string::npos ||
            place.find("destination_path") != std::string::npos) {
            return kBadPath;
        }
    }
    return kUsage;
}

// Where there are several, each on a line of its own: the detail tells the first.
std::string all_of(const Object& problem) {
    const auto errors = problem->getArray("errors");
    if (errors.isNull() || errors->size() < 2) return {};
    std::string lines;
    for (unsigned i = 0; i < errors->size(); ++i) {
        const auto error = errors->getObject(i);
        const auto location = error.isNull() ? Poco::JSON::Array::Ptr{} : error->getArray("loc");
        if (location.isNull()) continue;
        lines += "\n  ";
        for (unsigned part = 0; part < location->size(); ++part) {
            lines += (part == 0 ? "" : ".") + location->get(part).toString();
        }
        lines += ": " + text_of(error, "msg");
    }
    return lines;
}

// Link: </sync?cursor=…>; rel="next"
std::string next_in(const http::Answer& answer) {
    const std::string_view link = answer.header("Link").value_or("");
    const std::size_t end = link.find('>');
    const bool leads_on = link.starts_with('<') && end != std::string_view::npos &&
                          link.find("rel=\"next\"", end) != std::string_view::npos;
    return leads_on ? std::string{link.substr(1, end - 1)} : "";
}

}  // namespace

int fail(const CallFailure& failure) {
    std::cerr << "godwit: " << failure.message << "\n";
    return failure.exit_code;
}

std::optional<std::string> MasterCall::send(std::string_view method, const std::string& target,
                                            std::string_view body, const http::Headers& headers) {
    if (!client_) {
        http::ClientSettings settings;
        settings.url = line_.master_url;
        settings.token = line_.token;
        settings.connect_timeout = kConnectTimeout;
        auto client = http::Client::open(std::move(settings));
        if (!client) {
            failure_ = {kUsage, client.error().message};
            return {};
        }
        client_ = std::move(*client);
    }
    auto answer = client_->send(method, target, body, base::Millis{0}, headers);
    next_page_ = answer ? next_in(*answer) : "";
    if (!answer) {
        failure_ = {kUnreachable, "cannot reach the master at " + line_.master_url + ": " +
                                      answer.error().message};
        return {};
    }
    if (answer->ok()) return std::move(answer->body);
    const Object problem = object_in(answer->body);
    const std::string detail = problem.isNull() ? "" : text_of(problem, "detail");
    failure_ = {exit_code_for(answer->status, problem),
                detail.empty() ? "the master answered HTTP " + std::to_string(answer->status)
                               : detail + all_of(problem)};
    return {};
}

Object object_in(const std::string& text) {
    const auto parsed = model::parse_json(text);
    if (!parsed || parsed->type() != typeid(Object)) return {};
    return parsed->extract<Object>();
}

std::string text_of(const Object& object, const std::string& key) {
    const auto value = object->get(key);
    return !value.isEmpty() && value.isString() ? value.extract<std::string>() : "";
}

std::optional<std::int64_t> maybe_number_of(const Object& object, const std::string& key) {
    const auto value = object->get(key);
    if (value.isEmpty() || !value.isInteger()) return {};
    return value.convert<std::int64_t>();
}

std::int64_t number_of(const Object& object, const std::string& key) {
    return maybe_number_of(object, key).value_or(0);
}

Object object_of(const Object& object, const std::string& key) {
    const Object nested = object->getObject(key);
    return nested.isNull() ? Object{new Poco::JSON::Object} : nested;
}

}  // namespace godwit::cli
