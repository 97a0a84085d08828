#include "agent/work_context.h"

#include <algorithm>

#include "godwit/sdk/types.h"

namespace godwit::agent {
namespace {

model::AssignmentResult result_for(const model::Assignment& assignment) {
    model::AssignmentResult result;
    result.request = assignment.id.request;
    result.worker = assignment.worker;
    result.assignment = assignment.id;
    result.attempt = assignment.attempt;
    return result;
}

peer::Durability to_message(model::Durability durability) {
    switch (durability) {
    case model::Durability::None: return peer::NONE;
    case model::Durability::File: return peer::FILE_DATA;
    case model::Durability::FileAndDirectory: return peer::FILE_AND_DIRECTORY;
    }
    return peer::NONE;
}

}  // namespace

model::AssignmentResult failed(const model::Assignment& assignment,
                               const transfer::Trouble& trouble) {
    model::AssignmentResult result = result_for(assignment);
    result.message = trouble.message;
    result.released = trouble.is_stop;
    result.pause = trouble.code == base::FileCode::NoSpace;
    result.retryable = base::is_retryable(trouble.code);
    result.error = file_error(assignment.unit.label, trouble);
    result.error.offset = assignment.unit.offset;
    return result;
}

model::AssignmentResult hopeless(const model::Assignment& assignment,
                                 const transfer::Trouble& trouble) {
    model::AssignmentResult result = failed(assignment, trouble);
    result.fatal = !result.released && !result.pause && !result.retryable;
    return result;
}

model::AssignmentResult succeeded(const model::Assignment& assignment, sdk::Effects effects) {
    model::AssignmentResult result = result_for(assignment);
    result.success = true;
    result.message = std::move(effects.message);
    result.effects = std::move(effects);
    return result;
}

bool was_begun(const WorkContext& context) noexcept {
    return context.assignment.attempt > 1 || context.assignment.losses > 0 || context.work.begun();
}

bool is_no_attempt(const transfer::Trouble& trouble) noexcept {
    return trouble.is_stop || trouble.code == base::FileCode::NoSpace;
}

bool has_failed_elsewhere(const model::Assignment& assignment,
                          const transfer::Trouble& trouble) noexcept {
    return trouble.code == base::FileCode::InputOutput && !assignment.failed_on.empty() &&
           assignment.failed_on != assignment.worker;
}

bool is_worth_another_attempt(const model::Assignment& assignment,
                              const transfer::Trouble& trouble) noexcept {
    if (is_no_attempt(trouble)) return true;
    return base::is_retryable(trouble.code) && assignment.attempt < assignment.attempts_max &&
           !has_failed_elsewhere(assignment, trouble);
}

sdk::FileError file_error(const std::string& path, const transfer::Trouble& trouble) {
    sdk::FileError error;
    error.path = path;
    error.code = base::to_string(trouble.code);
    error.error_number = trouble.error_number;
    error.retryable = base::is_retryable(trouble.code);
    error.message = trouble.message;
    return error;
}

std::string path_of(const std::string& directory, const std::string& name) {
    return directory.empty() ? name : directory + "/" + name;
}

Result<files::Tree> open_source(const WorkContext& context, work::Roots roots) {
    sdk::Worker self;
    self.storage_paths = context.storage_paths;
    const std::string& path = context.assignment.source_path;
    const std::string storage_path{sdk::mount_of(self, path)};
    if (storage_path.empty()) {
        return Error{Code::Unavailable,
                     "'" + path + "' lies beneath no storage path that is mounted here", ENODEV};
    }
    const files::Links links = context.assignment.options.symlinks == model::Symlinks::Follow
                                   ? files::Links::Follow
                                   : files::Links::Refuse;
    const std::size_t slash = path.rfind('/');
    auto tree =
        roots == work::TREES
            ? files::Tree::open(storage_path, path, links)
            : files::Tree::open(storage_path, slash == 0 ? "/" : path.substr(0, slash), links);
    // The destination may have taken its time to answer since the start.
    if (context.look_again && !std::ranges::count(context.look_again(), storage_path)) {
        return Error{Code::Unavailable, "'" + storage_path + "' was unmounted", ENODEV};
    }
    return tree;
}

bool is_gone_from_source(const WorkContext& context, const std::string& directory) {
    const auto source = open_source(context, context.work.roots());
    if (!source) return false;
    const auto there = source->open_directory(directory);
    return !there && there.error().code == Code::NotFound;
}

std::string warning_of(const peer::Losses& losses) {
    std::string text;
    const auto add = [&](bool lost, std::string_view what) {
        if (lost) text += (text.empty() ? "" : "; ") + std::string{what};
    };
    add(losses.owner(),
        "owners could not be set on this worker (it lacks the right to chown): files belong to its "
        "user, setuid and setgid bits were dropped");
    add(losses.xattrs(),
        "some extended attributes could not be set on this worker (its file system or its rights "
        "do "
        "not allow them)");
    add(losses.acls(), "ACLs could not be set on this worker (its file system does not have them)");
    return text;
}

peer::Open open_message(const model::Assignment& assignment, work::Roots roots) {
    peer::Open open;
    open.set_request_id(assignment.id.request);
    open.set_generation(assignment.generation);
    open.set_destination_path(assignment.destination_path);
    open.set_roots(roots);
    open.set_lease_seconds(assignment.lease_seconds);
    open.set_ticket(assignment.ticket);
    const model::RequestOptions& options = assignment.options;
    open.set_digests(options.verify != model::Verify::None);
    peer::Manner& manner = *open.mutable_manner();
    manner.set_durability(to_message(options.durability));
    manner.set_look_only(options.dry_run);
    // What exists is left alone, so nothing gives way.
    manner.set_replace_type(options.replace_type && options.compare != model::Compare::Exists);
    manner.set_inplace(options.inplace);
    manner.set_readback(options.verify == model::Verify::Readback);
    manner.set_hardlinks(options.hardlinks);
    manner.set_xattrs(options.xattrs);
    manner.set_acls(options.acls);
    manner.set_atime(options.atime);
    manner.set_sparse(options.sparse);
    return open;
}

}  // namespace godwit::agent
