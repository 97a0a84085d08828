// What the destination says of itself: entries under names that the source has, what else is there,
// digests of content.
#include <unistd.h>

#include <algorithm>

#include "base/time.h"
#include "files/listing.h"
#include "transfer/destination.h"
#include "transfer/digest.h"
#include "transfer/medium.h"

namespace godwit::transfer {
namespace {

using files::EntryType;

// Entries that one answer may carry beyond those that were asked for by name.
constexpr std::size_t kSurplusPerAnswer = 4096;
constexpr std::size_t kReadBytes = 1 << 20;

Error bad_message(const std::string& what) {
    return {Code::InvalidArgument, what};
}

// Whether a name is one of two sorted lists, for names that come in order.
class Known {
public:
    explicit Known(const peer::DirectoryQuestion& question)
        : names_{question.names()}, others_{question.others()} {}

    bool contains(std::string_view name) {
        return advance(names_, name_, name) || advance(others_, other_, name);
    }

private:
    using List = google::protobuf::RepeatedPtrField<std::string>;
    static bool advance(const List& list, int& at, std::string_view name) {
        while (at < list.size() && list.Get(at) < name) ++at;
        return at < list.size() && list.Get(at) == name;
    }
    const List& names_;
    const List& others_;
    int name_ = 0;
    int other_ = 0;
};

}  // namespace

peer::Viewed Destination::view(const peer::View& view) {
    peer::Viewed viewed;
    for (const peer::DirectoryQuestion& question : view.directories()) {
        *viewed.add_directories() = answer(question);
    }
    return viewed;
}

peer::DirectoryAnswer Destination::answer(const peer::DirectoryQuestion& question) {
    peer::DirectoryAnswer answer;
    const auto fail = [&](base::FileCode code, const Error& error) {
        *answer.mutable_failure() = to_message(code, error);
        return answer;
    };
    if (!is_plain_path(question.path())) {
        return fail(base::FileCode::Internal, bad_message("a path that is not plain"));
    }
    auto entered = enter(target_path(question.path()), question.mode(), !question.absent_is_fine());
    if (!entered) {
        const bool absent = question.absent_is_fine() ? entered.error().code == Code::NotFound
                                                      : would_be_made(entered.error());
        if (!absent) {
            return fail(files::destination_code(entered.error()), entered.error());
        }
        answer.set_absent(true);
        answer.set_created(!question.absent_is_fine());
        return answer;
    }
    const int directory = entered->directory.get();
    answer.set_created(entered->created);
    if (!entered->created) {
        const auto attributes = files::stat_of(directory);
        if (attributes) *answer.mutable_attributes() = to_message(*attributes);
        if (xattr_selection().any()) {
            const auto xattrs = files::read_xattrs(directory, xattr_selection());
            if (xattrs) answer.set_xattrs_digest(transfer::xattrs_digest(*xattrs));
        }
    }
    look_up(directory, question, answer);
    if (question.surplus() && !entered->created) {
        if (auto status = find_surplus(directory, question, answer); !status) {
            return fail(files::destination_code(status.error()), status.error());
        }
    }
    return answer;
}

void Destination::look_up(int directory, const peer::DirectoryQuestion& question,
                          peer::DirectoryAnswer& answer) {
    for (int i = 0; i < question.names_size(); ++i) {
        const std::string name = target_name(question.names(i));
        if (!is_plain_name(name)) continue;
        const auto attributes = answer.created()
                                    ? Result<files::Attributes>{Error{Code::NotFound, {}}}
                                    : files::stat_at(directory, name);
        // Where it cannot be examined, what is wrong shows when it is written.
        peer::FoundEntry* found = nullptr;
        if (attributes) {
            found = answer.add_entries();
            found->set_index(static_cast<std::uint32_t>(i));
            found->set_type(static_cast<std::uint32_t>(attributes->type));
            *found->mutable_attributes() = to_message(*attributes);
            found->set_xattrs_digest(xattrs_digest_at(directory, name));
        }
        if (attributes && attributes->type == EntryType::Symlink) {
            if (auto target = files::read_link(directory, name)) {
                found->set_link_target(std::move(*target));
            }
        }
        if (manner_.hardlinks() && !manner_.look_only()) {
            look_at_links(question, i, attributes ? &*attributes : nullptr, found, answer);
        }
    }
}

// Where the registry cannot be reached, every name becomes a file of its own: right in content.
void Destination::look_at_links(const peer::DirectoryQuestion& question, int index,
                                const files::Attributes* there, peer::FoundEntry* found,
                                peer::DirectoryAnswer& answer) {
    const std::string path = files::join(question.path(), question.names(index));
    const bool keyed = index < question.link_keys_size() && !question.link_keys(index).empty();
    const bool shares = there != nullptr && there->links > 1 && there->type != EntryType::Directory;
    if (!keyed && !shares) return;
    const auto registry = links();
    if (!registry) return;
    if (keyed) {
        const auto carrier = (*registry)->elect(question.link_keys(index), path);
        if (!carrier) return;
        peer::LinkElection& election = *answer.add_links();
        election.set_index(static_cast<std::uint32_t>(index));
        election.set_carrier(*carrier);
        if (*carrier != path) return;  // Compared with the carrier when it is linked.
    }
    if (!shares) return;
    const std::string owner = keyed ? "k" + question.link_keys(index) : "p" + path;
    const auto may_keep = (*registry)->claim(there->inode, owner);
    found->set_wrongly_linked(may_keep && !*may_keep);
}

std::string Destination::xattrs_digest_at(int directory, const std::string& name) const {
    if (!xattr_selection().any()) return {};
    const auto xattrs = files::read_xattrs_at(directory, name, xattr_selection());
    // What cannot be read is not the same, and is written.
    return xattrs ? transfer::xattrs_digest(*xattrs) : std::string{};
}

Status Destination::find_surplus(int directory, const peer::DirectoryQuestion& question,
                                 peer::DirectoryAnswer& answer) {
    files::NameList names;
    {
        const std::lock_guard lock{mutex_};
        if (listed_ && listed_->path == question.path()) names = std::move(listed_->names);
        listed_.reset();
    }
    // From its beginning it is read anew; what a later slice sees is as old as the first one.
    if (question.after().empty() || names.size() == 0) {
        auto listed = files::names_in(directory);
        if (!listed) return listed.status();
        names = std::move(*listed);
    }
    Known known{question};
    std::size_t at = question.after().empty() ? 0 : names.upper_bound(question.after());
    for (; at < names.size(); ++at) {
        const std::string_view name = names[at];
        if (!question.until().empty() && name > question.until()) break;
        answer.set_entries_there(answer.entries_there() + 1);
        if (known.contains(name)) continue;
        const auto attributes = files::stat_at(directory, std::string{name});
        if (!attributes) continue;  // Gone meanwhile.
        peer::SurplusEntry& entry = *answer.add_surplus();
        entry.set_name(std::string{name});
        entry.set_type(static_cast<std::uint32_t>(attributes->type));
        if (static_cast<std::size_t>(answer.surplus_size()) >= kSurplusPerAnswer) {
            answer.set_surplus_cut_after(std::string{name});
            break;
        }
    }
    const bool more = at < names.size();
    const std::lock_guard lock{mutex_};
    if (more) listed_ = Listed{question.path(), std::move(names)};
    return {};
}

// ----------------------------------------------------------------------------------------- digests

peer::DigestsDone Destination::digests(const peer::Digests& digests) {
    peer::DigestsDone done;
    const base::Stopwatch watch;
    const peer::DigestQuestion* last = nullptr;
    base::UniqueFd file;
    for (const peer::DigestQuestion& question : digests.questions()) {
        const bool same_file = last != nullptr && last->name() == question.name() &&
                               last->directory() == question.directory() &&
                               last->temporary() == question.temporary();
        if (!same_file) file = open_to_digest(question);
        last = &question;
        done.add_digests(file ? digest_of_range(file.get(), question) : std::string{});
    }
    done.mutable_timing()->set_write_us(watch.elapsed_us());
    return done;
}

// Invalid: it cannot be read.
base::UniqueFd Destination::open_to_digest(const peer::DigestQuestion& question) {
    const std::string target = target_name(question.name());
    if (!is_plain_path(question.directory()) || !is_plain_name(target)) return {};
    const auto opened = tree();
    if (!opened) return {};
    const auto directory = (*opened)->open_directory(question.directory());
    if (!directory) return {};
    const bool of_temporary = question.temporary() != 0;
    const std::string name =
        of_temporary ? place_of(question.directory(), question.name(), question.temporary()).name
                     : target;
    auto file = files::open_file_at(directory->get(), name, manner_.atime());
    const auto attributes =
        file ? files::stat_of(file->get()) : Result<files::Attributes>{file.error()};
    if (!attributes || attributes->type != EntryType::File) return {};
    // Once for all questions about it: this waits for what others write just now, too.
    if (of_temporary && ::fdatasync(file->get()) != 0) return {};
    return std::move(*file);
}

// Of what will not be written again, as the medium has it: a write that failed may have left pages
// behind that look well, and no second flush says so.
std::string Destination::digest_of_range(int file, const peer::DigestQuestion& question) {
    if (question.temporary() != 0) forget_cached(file, question.offset(), question.length());
    Digester digester;
    std::vector<std::byte> buffer(std::min<std::uint64_t>(kReadBytes, question.length()));
    for (std::uint64_t done = 0; done < question.length();) {
        const std::size_t wanted = std::min<std::uint64_t>(buffer.size(), question.length() - done);
        const ssize_t got =
            ::pread(file, buffer.data(), wanted, static_cast<off_t>(question.offset() + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return {};
        digester.add(std::span{buffer}.first(static_cast<std::size_t>(got)));
        done += static_cast<std::uint64_t>(got);
    }
    return digester.digest();
}

}  // namespace godwit::transfer
