// Whatever the trees and the options: after a sync the destination is what was asked for, and a
// second one finds nothing to do. Trees, their mutations and the options come from a seed;
// docs/testing.md tells how to run more of them, or one again.
#include <algorithm>
#include <cstdlib>

#include "semantics.h"
#include "support/random_tree.h"

namespace godwit::integration {
namespace {

using test_support::Aging;
using test_support::Mutations;
using test_support::Random;
using test_support::RandomTree;
using test_support::TreeSettings;

constexpr int kSeedsByDefault = 20;
constexpr int kOnWholeTreesPercent = 35;

// What one group of seeds runs on.
struct Setting {
    const char* name;
    Store store;
    const char* transport;
    int workers_a_side;  // 0: one that mounts both sides.
    bool is_faulty = false;
};

constexpr const char* kLibfabric = R"({plugin: libfabric, options: {provider: "tcp;ofi_rxm"}})";
constexpr const char* kUcx = "{plugin: ucx, options: {tls: tcp}}";
// Every so many segments the peer is lost, and a few bytes arrive as others than were sent.
constexpr const char* kFaulty =
    "{plugin: faulty, options: {lose_every: 40, losses: 1000, flips: 20}}";
const std::vector<Setting> kSettings{
    {"MemoryLibfabric", Store::Memory, kLibfabric, 1},
    {"RedisUcx", Store::Redis, kUcx, 1},
    {"OneAgentForBothSides", Store::Memory, kLibfabric, 0},
    {"TwoAgentsASide", Store::Redis, kLibfabric, 2},
    {"FaultyWire", Store::Memory, kFaulty, 2, true},
};

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
    const char* value = std::getenv(variable);
    return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

// The seeds of a group: every so many belong to the same one.
std::vector<std::uint64_t> seeds_of(std::size_t group) {
    std::vector<std::uint64_t> seeds;
    const std::uint64_t one = number_from("GODWIT_PROPERTY_SEED", 0);
    const std::uint64_t first = one != 0 ? one : 1;
    const std::uint64_t count =
        one != 0 ? 1 : number_from("GODWIT_PROPERTY_SEEDS", kSeedsByDefault);
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        if (seed % kSettings.size() == group) seeds.push_back(seed);
    }
    return seeds;
}

struct Options {
    bool remove = false;
    std::string compare = "size_mtime";
    bool replace_type = false;
    bool hardlinks = false;
    bool xattrs = false;
    bool acls = false;
    bool atime = false;
    bool sparse = true;
    bool special = false;
    bool inplace = false;
    std::string verify = "transfer";
    std::string durability = "none";
    int chunk_size_mb = 1;

    std::string json() const {
        const auto flag = [](const char* name, bool value) {
            return std::string{",\""} + name + "\":" + (value ? "true" : "false");
        };
        const std::string deletion =
            remove ? R"("delete":"after","max_delete":"100%")" : R"("delete":"none")";
        return deletion + ",\"compare\":\"" + compare + "\"" + flag("replace_type", replace_type) +
               flag("hardlinks", hardlinks) + flag("xattrs", xattrs) + flag("acls", acls) +
               flag("atime", atime) + flag("sparse", sparse) + flag("inplace", inplace) +
               ",\"special\":\"" + (special ? "copy" : "skip") + "\",\"verify\":\"" + verify +
               "\",\"durability\":\"" + durability + "\"";
    }
    std::string members() const { return ",\"chunk_size_mb\":" + std::to_string(chunk_size_mb); }
    // Then rsync must have nothing to do.
    bool everything() const {
        return remove && hardlinks && xattrs && acls && special && compare != "exists";
    }
};

Options random_options(Random& random) {
    static const std::vector<std::string> kCompare{
        "size_mtime", "size_mtime", "size_mtime", "size_mtime", "checksum",
        "checksum",   "size",       "newer",      "exists",     "always"};
    static const std::vector<std::string> kVerify{"transfer", "transfer", "readback", "none"};
    static const std::vector<std::string> kDurability{"none", "none", "none", "file",
                                                      "file_and_directory"};
    const bool everything = random.chance(kOnWholeTreesPercent);
    Options options;
    options.remove = random.chance(70) || everything;
    options.compare = random.pick(kCompare);
    options.replace_type = random.chance(70);
    options.hardlinks = random.chance(60) || everything;
    options.xattrs = random.chance(60) || everything;
    options.acls = random.chance(60) || everything;
    options.atime = random.chance(20);
    options.sparse = random.chance(85);
    options.special = random.chance(60) || everything;
    // Not with link groups: what is written in place is written under all names of a file, while
    // these are being made and taken apart. Nor where what is half written looks whole.
    const bool looks_at_more =
        options.compare != "size" && options.compare != "newer" && options.compare != "exists";
    options.inplace = random.chance(15) && !options.hardlinks && looks_at_more;
    options.verify = random.pick(kVerify);
    options.durability = random.pick(kDurability);
    options.chunk_size_mb = static_cast<int>(random.between(1, 3));
    return options;
}

TreeSettings tree_settings(const Options& options, bool xattrs_here, bool acls_here) {
    TreeSettings settings;
    settings.chunk_bytes = static_cast<std::uint64_t>(options.chunk_size_mb) << 20;
    settings.owners = is_root();
    settings.xattrs = xattrs_here;
    settings.acls = acls_here;
    return settings;
}

// What these options promise to make up for.
Mutations mutations_for(const Options& options, Aging aging) {
    Mutations mutations;
    mutations.contents = options.compare != "exists";
    mutations.new_size = options.compare == "size";
    mutations.unseen = options.compare == "checksum" || options.compare == "always";
    if (options.compare == "newer") mutations.aging = aging;
    // What is written in place is written under all of a file's names.
    mutations.swaps = !options.inplace && options.compare != "size" && options.compare != "newer";
    mutations.types = options.compare != "newer";
    mutations.folders = options.replace_type;
    mutations.fifos = options.special;
    mutations.alike = options.hardlinks;
    return mutations;
}

Look look_for(const Options& options) {
    Look look;
    look.xattrs = options.xattrs;
    look.acls = options.acls;
    // What exists is left alone: names that are not linked, and what reading has made of its times.
    const bool left_alone = options.compare == "exists";
    look.hardlinks = options.hardlinks && !left_alone;
    look.atime = options.atime && !left_alone;
    look.holes = options.sparse && !options.inplace;  // Which fills them.
    look.special = options.special;
    look.surplus = options.remove;
    return look;
}

class Property : public testing::TestWithParam<std::size_t> {
protected:
    const Setting& setting() const { return kSettings[GetParam()]; }

    void start() {
        ClusterSettings settings;
        settings.store = setting().store;
        settings.transport = setting().transport;
        // A busy machine is no failure that is to be tested here.
        settings.master_yaml = "lease_seconds: 30\nworker_heartbeat_timeout: 60\n";
        if (setting().is_faulty) {
            settings.agent_yaml += plugin_path_with_faults();
            // A lost peer takes all that goes on with it: an attempt of each.
            settings.master_yaml += "max_attempts: 100\n";
            // Many segments, so that many are met.
            settings.agent_yaml += "tuning: {segment_kib: 256}\n";
        }
        cluster_ = std::make_unique<Cluster>(settings);
        const std::string source = cluster_->folder("a");
        const std::string destination = cluster_->folder("b");
        fs::create_directories(source);
        fs::create_directories(destination);
        std::vector<std::string> workers;
        const auto add = [&](const std::string& id, const std::vector<std::string>& paths) {
            cluster_->add_worker({id, paths, {}});
            workers.push_back(id);
        };
        if (setting().workers_a_side == 0) add("worker-both", {source, destination});
        for (int i = 0; i < setting().workers_a_side; ++i) {
            add("worker-a-" + std::to_string(i), {source});
            add("worker-b-" + std::to_string(i), {destination});
        }
        ASSERT_NO_FATAL_FAILURE(cluster_->start_master());
        for (const std::string& id : workers) ASSERT_NO_FATAL_FAILURE(cluster_->start_agent(id));
        xattrs_here_ = test_support::run({"/bin/sh", "-c",
                                          "command -v setfattr >/dev/null || exit 0; "
                                          "setfattr -n user.try -v x " +
                                              source})
                           .exit_code == 0;
        acls_here_ =
            test_support::run({"/bin/sh", "-c", "setfacl -m u:1:r " + source}).exit_code == 0;
    }

    // Everything that one seed says.
    void run_seed(std::uint64_t seed) {
        Random random{seed};
        Options options = random_options(random);
        // Who trusts such a wire gets what it brings.
        if (setting().is_faulty && options.verify == "none") options.verify = "transfer";
        SCOPED_TRACE("GODWIT_PROPERTY_SEED=" + std::to_string(seed) + " options {" +
                     options.json() + "}" + options.members());
        const std::string root = "seed-" + std::to_string(seed);
        const std::string source = cluster_->folder("a/" + root);
        const std::string destination = cluster_->folder("b/" + root);
        const TreeSettings settings = tree_settings(options, xattrs_here_, acls_here_);
        RandomTree tree{source, settings, random};
        tree.make(static_cast<int>(random.between(100, 300)));
        if (random.chance(85)) make_destination(source, destination, options, settings, random);

        sync_and_compare("first sync", source, destination, options);
        tree.mutate(mutations_for(options, Aging::Newer), 40);
        sync_and_compare("after the source changed", source, destination, options);
        const Ended again = sync(source, destination, options);
        EXPECT_EQ(again.state, "COMPLETED");
        if (options.compare != "always") {
            EXPECT_EQ(again.files("copied"), 0) << "with nothing to do";
            EXPECT_EQ(again.bytes("on_wire"), 0) << "with nothing to do";
        }
        EXPECT_EQ(again.files("deleted"), 0) << "with nothing to do";
        fs::remove_all(source);
        fs::remove_all(destination);
    }

    static void make_destination(const std::string& source, const std::string& destination,
                                 const Options& options, TreeSettings settings, Random& random) {
        // What is written in place is written under all of a file's names.
        const char* links = options.inplace ? "--no-preserve=links" : "--preserve=links";
        ASSERT_EQ(test_support::run({"/bin/cp", "-aT", links, source, destination}).exit_code, 0);
        // Neither made nor removed: they would stay.
        settings.fifos = options.special;
        // Attributes that nobody asks for would stay as well.
        settings.hardlinks = !options.inplace;
        RandomTree copy{destination, settings, random};
        if (!options.special) copy.remove_fifos();
        copy.mutate(mutations_for(options, Aging::Older), 60);
    }

    Ended sync(const std::string& source, const std::string& destination, const Options& options) {
        Ended ended;
        ended.id = cluster_->submit(source, destination,
                                    options.members() + ",\"options\":{" + options.json() + "}");
        ended.state = cluster_->wait_until_over(ended.id);
        ended.progress = cluster_->progress(ended.id);
        return ended;
    }

    void sync_and_compare(const char* when, const std::string& source,
                          const std::string& destination, const Options& options) {
        SCOPED_TRACE(when);
        const Ended ended = sync(source, destination, options);
        EXPECT_EQ(ended.state, "COMPLETED")
            << cluster_->call("GET", "/sync/" + ended.id + "/errors").body;
        EXPECT_THAT(differences(source, destination, look_for(options)), IsEmpty());
        EXPECT_THAT(test_support::temporaries_below(destination), IsEmpty());
        EXPECT_EQ(ended.files("discovered"), ended.files("copied") + ended.files("skipped") +
                                                 ended.files("failed") + ended.files("vanished") +
                                                 ended.files("special"));
        EXPECT_EQ(ended.bytes("discovered"), ended.bytes("copied") + ended.bytes("skipped") +
                                                 ended.bytes("failed") + ended.bytes("vanished"));
        // rsync's reading would change the times of access that the next sync looks at.
        if (options.everything() && !options.atime && fs::exists("/usr/bin/rsync")) {
            EXPECT_THAT(rsync_differences(source, destination, "-HAXS"), IsEmpty());
        }
    }

    std::unique_ptr<Cluster> cluster_;
    bool xattrs_here_ = false;
    bool acls_here_ = false;
};

TEST_P(Property, SyncsMakeTheDestinationTheSourceAndThenHaveNothingToDo) {
    const std::vector<std::uint64_t> seeds = seeds_of(GetParam());
    if (seeds.empty()) GTEST_SKIP() << "no seed of this group";
    ASSERT_NO_FATAL_FAILURE(start());
    for (const std::uint64_t seed : seeds) {
        ASSERT_NO_THROW(run_seed(seed)) << "seed " << seed;
    }
}

INSTANTIATE_TEST_SUITE_P(Trees, Property, testing::Range(std::size_t{0}, kSettings.size()),
                         [](const auto& info) { return kSettings[info.param].name; });

}  // namespace
}  // namespace godwit::integration
