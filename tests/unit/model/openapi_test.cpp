// The OpenAPI document says what the code does: names, defaults and words are compared with it.
#include "model/openapi.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file_code.h"
#include "model/counters.h"
#include "model/json.h"
#include "model/options.h"
#include "model/progress.h"
#include "model/sync_patch.h"
#include "model/sync_request.h"
#include "model/writer.h"

namespace godwit::model {
namespace {

using Poco::Dynamic::Var;
using Poco::JSON::Array;
using Poco::JSON::Object;
using testing::ElementsAreArray;
using testing::IsSupersetOf;
using Names = std::vector<std::string>;

Object::Ptr object_in(const std::string& text) {
    const auto parsed = parse_json(text);
    if (!parsed) {
        ADD_FAILURE() << parsed.error().message;
        return new Object;
    }
    return parsed->extract<Object::Ptr>();
}

Object::Ptr document() {
    static const Object::Ptr kDocument = object_in(std::string{openapi_document()});
    return kDocument;
}

Object::Ptr schema(const std::string& name) {
    return document()->getObject("components")->getObject("schemas")->getObject(name);
}

Names names_in(const Object::Ptr& object) {
    return object->getNames();  // Sorted: our documents are maps.
}

Names texts_in(const Array::Ptr& array) {
    Names texts;
    for (const Var& item : *array) texts.push_back(item.convert<std::string>());
    return texts;
}

std::string print(const RequestOptions& options) {
    Writer json;
    json.object([&] { write_options(json, options); });
    return std::move(json).text();
}

void expect_references_lead_somewhere(const Var& value) {
    if (value.type() == typeid(Array::Ptr)) {
        for (const Var& item : *value.extract<Array::Ptr>()) expect_references_lead_somewhere(item);
    }
    if (value.type() != typeid(Object::Ptr)) return;
    for (const auto& [name, member] : *value.extract<Object::Ptr>()) {
        expect_references_lead_somewhere(member);
        if (name != "$ref") continue;
        const auto text = member.extract<std::string>();
        Object::Ptr at = document();
        for (std::size_t slash = text.find('/'); slash != std::string::npos && !at.isNull();) {
            const std::size_t next = text.find('/', slash + 1);
            at = at->getObject(text.substr(slash + 1, next - slash - 1));
            slash = next;
        }
        EXPECT_FALSE(at.isNull()) << text;
    }
}

TEST(OpenApi, EveryReferenceLeadsSomewhere) {
    expect_references_lead_somewhere(document());
}

TEST(OpenApi, HasEveryOptionAndNoOther) {
    EXPECT_THAT(names_in(schema("Options")->getObject("properties")),
                ElementsAreArray(names_in(object_in(print({})))));
}

TEST(OpenApi, DefaultsOfOptionsAreTheReal) {
    const auto printed = object_in(print({}));
    for (const auto& [name, property] : *schema("Options")->getObject("properties")) {
        const auto described = property.extract<Object::Ptr>()->get("default");
        const auto real = printed->get(name);
        ASSERT_EQ(described.isEmpty(), real.isEmpty()) << name;
        if (real.isEmpty()) continue;
        EXPECT_EQ(Var::toString(described), Var::toString(real)) << name;
    }
}

TEST(OpenApi, HasEveryWordOfAnOptionAndNoOther) {
    for (const auto& [name, property] : *schema("Options")->getObject("properties")) {
        const auto words = property.extract<Object::Ptr>()->getArray("enum");
        if (words.isNull()) continue;
        std::string expected = "expected one of";
        for (const std::string& word : texts_in(words)) expected += " '" + word + "'";

        std::vector<FieldError> errors;
        read_options(*parse_json("{\"" + name + "\":\"?\"}"), {}, errors);

        ASSERT_EQ(errors.size(), 1u) << name;
        EXPECT_EQ(errors[0].message, expected + ", got '?'");
    }
}

// A bound that is described is taken, and what lies behind it is not.
TEST(OpenApi, HasTheBoundsOfOptions) {
    const auto errors_of = [](const std::string& name, std::int64_t number) {
        std::vector<FieldError> errors;
        read_options(*parse_json("{\"" + name + "\":" + std::to_string(number) + "}"), {}, errors);
        return errors.size();
    };
    for (const auto& [name, property] : *schema("Options")->getObject("properties")) {
        const auto described = property.extract<Object::Ptr>();
        if (described->has("minimum")) {
            const auto lowest = described->getValue<std::int64_t>("minimum");
            EXPECT_EQ(errors_of(name, lowest), 0u) << name;
            EXPECT_EQ(errors_of(name, lowest - 1), 1u) << name;
        }
        if (described->has("maximum")) {
            const auto highest = described->getValue<std::int64_t>("maximum");
            EXPECT_EQ(errors_of(name, highest), 0u) << name;
            if (highest == std::numeric_limits<std::int64_t>::max()) continue;
            EXPECT_EQ(errors_of(name, highest + 1), 1u) << name;
        }
    }
}

TEST(OpenApi, HasEveryMemberOfARequest) {
    Names members = names_in(object_in(canonical({})));
    for (const char* name : {"source_path_b64", "destination_path_b64"}) members.emplace_back(name);

    EXPECT_THAT(names_in(schema("SyncRequest")->getObject("properties")),
                testing::UnorderedElementsAreArray(members));
}

TEST(OpenApi, HasWhatAPatchMayChange) {
    const auto options =
        schema("SyncPatch")->getObject("properties")->getObject("options")->getObject("properties");
    std::string body;
    for (const auto& [name, property] : *schema("Options")->getObject("properties")) {
        const auto parsed = parse_sync_patch(R"({"options":{")" + name + R"(":1}})");
        EXPECT_EQ(parsed.ok(), options->has(name)) << name;
    }
}

TEST(OpenApi, HasEveryMemberOfProgress) {
    EXPECT_THAT(names_in(schema("SyncProgress")->getObject("properties")),
                IsSupersetOf(names_in(object_in(print_progress({}, {})))));
}

TEST(OpenApi, HasEveryCounterAndNoOther) {
    for (const auto& [section, name] :
         {std::pair{"files", "FileCounts"}, {"bytes", "ByteCounts"}, {"waits_us", "WaitCounts"}}) {
        Names counters;
        for (const CountName& count : kCountNames) {
            if (count.section == section) counters.emplace_back(count.name);
        }
        EXPECT_THAT(names_in(schema(name)->getObject("properties")),
                    testing::UnorderedElementsAreArray(counters));
        for (const char* holder : {"SyncProgress", "SyncResult"}) {
            const auto member = schema(holder)->getObject("properties")->getObject(section);
            ASSERT_FALSE(member.isNull()) << holder << " " << section;
            EXPECT_EQ(member->getValue<std::string>("$ref"),
                      "#/components/schemas/" + std::string{name});
        }
    }
}

TEST(OpenApi, HasEveryCodeOfAFilesErrorAndNoOther) {
    Names codes;
    for (int i = 0; i <= static_cast<int>(base::FileCode::Internal); ++i) {
        codes.emplace_back(base::to_string(static_cast<base::FileCode>(i)));
    }
    EXPECT_THAT(
        texts_in(schema("FileError")->getObject("properties")->getObject("code")->getArray("enum")),
        ElementsAreArray(codes));
}

}  // namespace
}  // namespace godwit::model
