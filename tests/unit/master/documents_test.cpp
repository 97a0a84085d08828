#include "master/documents.h"

#include <gtest/gtest.h>

#include <thread>

namespace godwit::master {
namespace {

sdk::Request request_of(const sdk::RequestId& id, std::uint32_t chunk_size_mb = 64) {
    model::SyncRequest document;
    document.id = id;
    document.source_path = "/src";
    document.destination_path = "/dst";
    document.chunk_size_mb = chunk_size_mb;
    sdk::Request request;
    request.id = id;
    request.generation = 1;
    request.revision = 1;
    request.document = model::canonical(document);
    return request;
}

TEST(Documents, AreParsedOnce) {
    Documents documents;
    const sdk::Request request = request_of("r-1");

    const auto first = documents.of(request);
    const auto second = documents.of(request);

    ASSERT_TRUE(first);
    EXPECT_EQ(first->chunk_size_mb, 64U);
    EXPECT_EQ(first, second) << "parsed twice";
}

TEST(Documents, OfAnotherRevisionOrGenerationAreReadAnew) {
    Documents documents;
    sdk::Request request = request_of("r-1");
    ASSERT_TRUE(documents.of(request));

    request.document = request_of("r-1", 8).document;
    request.revision = 2;
    EXPECT_EQ(documents.of(request)->chunk_size_mb, 8U);
    request.document = request_of("r-1", 9).document;
    request.generation = 2;
    EXPECT_EQ(documents.of(request)->chunk_size_mb, 9U);
}

TEST(Documents, ThatCannotBeReadAreNull) {
    Documents documents;
    sdk::Request request = request_of("r-1");
    request.document = R"({"from":"the future"})";

    EXPECT_FALSE(documents.of(request));
    EXPECT_FALSE(documents.of(request));
}

TEST(Documents, AreNotRememberedWithoutEnd) {
    Documents documents;
    const sdk::Request oldest = request_of("0");
    const auto before = documents.of(oldest);

    for (std::size_t i = 0; i <= Documents::kDocumentsMax; ++i) {
        ASSERT_TRUE(documents.of(request_of("r-" + std::to_string(i))));
    }

    EXPECT_NE(documents.of(oldest), before) << "nothing gave way";
    EXPECT_EQ(*documents.of(oldest), *before);
}

TEST(Documents, AreReadByManyThreadsAtOnce) {
    Documents documents;
    std::vector<std::jthread> readers;
    for (int reader = 0; reader < 4; ++reader) {
        readers.emplace_back([&] {
            for (int i = 0; i < 200; ++i) {
                const sdk::RequestId id = "r-" + std::to_string(i % 7);
                const auto document = documents.of(request_of(id));
                ASSERT_TRUE(document);
                EXPECT_EQ(document->id, id);
            }
        });
    }
}

}  // namespace
}  // namespace godwit::master
