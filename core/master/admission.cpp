#include "master/admission.h"

#include "base/ids.h"
#include "model/file_list.h"

namespace godwit::master {
namespace {

// So much of a list of files is one agent's business: some thousand names.
constexpr std::size_t kListBytesPerUnit = 256 << 10;

sdk::Unit listing_of(const std::string& source_path) {
    sdk::Unit unit;
    unit.kind = sdk::UnitKind::Listing;
    unit.label = source_path;
    return unit;
}

}  // namespace

std::string effective_destination(const model::SyncRequest& request) {
    const std::string name = request.source_path.substr(request.source_path.rfind('/') + 1);
    if (!request.options.copy_root || name.empty()) return request.destination_path;
    return (request.destination_path == "/" ? "" : request.destination_path) + '/' + name;
}

sdk::NewRequest new_request(const model::SyncRequest& request) {
    sdk::NewRequest created;
    created.id = request.id;
    created.generation = base::random_u64();
    created.document = model::canonical(request);
    created.fingerprint = created.document;
    created.source_path = request.source_path;
    created.destination_path = effective_destination(request);
    created.priority = request.options.priority;
    if (request.file_list) created.attachment = model::pack_file_list(request.files);
    created.units = first_units(request.source_path, created.attachment);
    return created;
}

std::vector<sdk::Unit> first_units(const std::string& source_path, std::string_view attachment) {
    if (!attachment.empty()) return list_units(source_path, attachment);
    return {listing_of(source_path)};
}

std::vector<sdk::Unit> list_units(const std::string& source_path, std::string_view packed) {
    std::vector<sdk::Unit> units;
    for (std::string& slice : model::slice_file_list(packed, kListBytesPerUnit)) {
        units.push_back(listing_of(source_path));
        units.back().payload = std::move(slice);
    }
    return units;
}

}  // namespace godwit::master
