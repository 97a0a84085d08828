#include "device.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <set>
#include <string_view>

namespace godwit::transport_libfabric {
namespace {

InfoPtr make_hints(const Settings& settings) {
    InfoPtr hints{fi_allocinfo()};
    if (hints == nullptr) return nullptr;
    hints->caps = FI_RMA | FI_READ | FI_REMOTE_READ;
    // Every operation has a live fi_context2 of its own, so the provider may keep notes in it.
    hints->mode = FI_CONTEXT | FI_CONTEXT2;
    hints->ep_attr->type = FI_EP_RDM;
    hints->tx_attr->size = settings.gets_in_flight_max + 1;  // And a probe.
    hints->domain_attr->threading = FI_THREAD_DOMAIN;
    hints->domain_attr->control_progress = FI_PROGRESS_MANUAL;
    hints->domain_attr->data_progress = FI_PROGRESS_MANUAL;
    hints->domain_attr->resource_mgmt = FI_RM_ENABLED;
    hints->domain_attr->av_type = FI_AV_TABLE;
    // A bit that is not offered makes the providers that need it vanish without a word.
    hints->domain_attr->mr_mode = FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY;
    hints->fabric_attr->prov_name = ::strdup(settings.provider->name.data());
    return hints;
}

// libfabric matches provider names loosely ("net" also brings "net;ofi_rxm"), so it is asked for
// much and believed little.
std::vector<const fi_info*> of_provider(const fi_info* list, std::string_view provider) {
    std::vector<const fi_info*> entries;
    for (const fi_info* info = list; info != nullptr; info = info->next) {
        if (info->fabric_attr->prov_name == provider) entries.push_back(info);
    }
    return entries;
}

InfoPtr query(const fi_info* hints, const char* node) {
    fi_info* list = nullptr;
    const int rc = node == nullptr ? fi_getinfo(kFabricApi, nullptr, nullptr, 0, hints, &list)
                                   : fi_getinfo(kFabricApi, node, "0", FI_SOURCE, hints, &list);
    return InfoPtr{rc == 0 ? list : nullptr};
}

std::vector<Device> devices_of(const std::vector<const fi_info*>& entries) {
    std::vector<Device> devices;
    for (const fi_info* info : entries) {
        Device device{info->domain_attr->name, ip_address_of(*info)};
        const auto same = [&](const Device& known) {
            return known.domain == device.domain && known.address == device.address;
        };
        if (std::ranges::none_of(devices, same)) devices.push_back(std::move(device));
    }
    return devices;
}

const Nic* nic_with(const std::vector<Nic>& nics, const std::string& address) {
    const auto found = std::ranges::find(nics, address, &Nic::address);
    return found == nics.end() ? nullptr : &*found;
}

bool has(const std::vector<Nic>& nics, const sdk::RailSpec& spec, const std::string& address) {
    return std::ranges::any_of(nics, [&](const Nic& nic) {
        return (spec.iface.empty() || nic.iface == spec.iface) &&
               (spec.address.empty() || nic.address == address);
    });
}

// A site that names an interface only means its IPv4 address, or else one that is routed.
int preference(const Device& device, const std::vector<Nic>& nics) {
    const Nic* nic = nic_with(nics, device.address);
    if (nic == nullptr) return 1;
    if (nic->link_local) return 2;
    return nic->is_v6 ? 1 : 0;
}

const Device* choose(const std::vector<Device>& devices, const sdk::RailSpec& spec,
                     const ProviderTraits& provider, const std::vector<Nic>& nics) {
    const Device* best = nullptr;
    for (const Device& device : devices) {
        if (!is_wanted(device, spec, provider, nics)) continue;
        if (best == nullptr || preference(device, nics) < preference(*best, nics)) best = &device;
    }
    return best;
}

std::string to_text(const sdk::RailSpec& spec) {
    std::string text;
    if (!spec.iface.empty()) text += "iface '" + spec.iface + "'";
    if (!spec.iface.empty() && !spec.address.empty()) text += " with ";
    if (!spec.address.empty()) text += "address '" + spec.address + "'";
    return text;
}

std::string names_of_other_providers(const Settings& settings) {
    std::string names;
    for (const ProviderTraits& row : kProviders) {
        if (row.name == settings.provider->name) continue;
        Settings other = settings;
        other.provider = &row;
        const InfoPtr hints = make_hints(other);
        const InfoPtr list = hints == nullptr ? nullptr : query(hints.get(), nullptr);
        if (of_provider(list.get(), row.name).empty()) continue;
        names += (names.empty() ? "'" : ", '") + std::string{row.name} + "'";
    }
    return names.empty() ? "none" : names;
}

// Devices as a site may name them: "mlx5_0 on ib0 (10.0.0.1)".
std::vector<Nic> offered(const std::vector<Device>& devices, const ProviderTraits& provider,
                         const std::vector<Nic>& nics) {
    std::vector<Nic> named;
    for (const Device& device : devices) {
        const Nic* nic = nic_with(nics, device.address);
        std::string name = device.domain;
        if (nic != nullptr && nic->iface != name) name += " on " + nic->iface;
        named.push_back({std::move(name), device.address});
    }
    if (!provider.is_rdma_by_ip) return named;
    // libfabric lists a device once more for its GID, which a rail cannot be opened by.
    for (const Device& device : devices) {
        const bool has_ip = std::ranges::any_of(devices, [&](const Device& other) {
            return other.domain == device.domain && !other.address.empty();
        });
        if (!has_ip) named.push_back({device.domain, "no IP address, which connections need"});
    }
    std::erase_if(named, [](const Nic& nic) { return nic.address.empty(); });
    return named;
}

// What there is instead, for whoever mistyped or configured a fabric that is not plugged in.
sdk::Error not_found(const Settings& settings, const sdk::RailSpec& spec,
                     const std::vector<Device>& devices, const std::vector<Nic>& nics) {
    const std::string provider = "provider '" + std::string{settings.provider->name} + "'";
    std::string message = "open rail: " + to_text(spec) + ": ";
    if (devices.empty()) {
        message += provider + " finds no device on this host; providers that find one: " +
                   names_of_other_providers(settings) +
                   "; interfaces: " + transport_libfabric::to_text(nics);
        return {sdk::Code::NotFound, std::move(message)};
    }
    message += provider + " has no such device, but: " +
               transport_libfabric::to_text(offered(devices, *settings.provider, nics));
    if (std::ranges::all_of(devices, [](const Device& d) { return d.address.empty(); })) {
        message += "; interfaces: " + transport_libfabric::to_text(nics);
    }
    return {sdk::Code::NotFound, std::move(message)};
}

// The entry again, bound to the device's own address.
InfoPtr bound_info(const Settings& settings, const Device& device) {
    const InfoPtr hints = make_hints(settings);
    if (hints == nullptr) return nullptr;
    hints->domain_attr->name = ::strdup(device.domain.c_str());
    const char* node = device.address.empty() ? nullptr : device.address.c_str();
    const InfoPtr list = query(hints.get(), node);
    for (const fi_info* info : of_provider(list.get(), settings.provider->name)) {
        const bool same = info->domain_attr->name == device.domain &&
                          (device.address.empty() || ip_address_of(*info) == device.address);
        if (same) return InfoPtr{fi_dupinfo(info)};
    }
    return nullptr;
}

}  // namespace

std::string ip_address_of(const fi_info& info) {
    if (info.src_addr == nullptr) return {};
    std::array<char, INET6_ADDRSTRLEN> text{};
    const void* address = nullptr;
    int family = AF_UNSPEC;
    if (info.addr_format == FI_SOCKADDR_IN) {
        family = AF_INET;
        address = &static_cast<const ::sockaddr_in*>(info.src_addr)->sin_addr;
    } else if (info.addr_format == FI_SOCKADDR_IN6) {
        family = AF_INET6;
        address = &static_cast<const ::sockaddr_in6*>(info.src_addr)->sin6_addr;
    }
    if (address == nullptr) return {};
    return ::inet_ntop(family, address, text.data(), text.size()) == nullptr ? "" : text.data();
}

std::uint32_t link_mbps_of(const fi_info& info) {
    constexpr std::size_t kBitsPerMegabit = 1'000'000;
    if (info.nic != nullptr && info.nic->link_attr != nullptr && info.nic->link_attr->speed != 0) {
        return static_cast<std::uint32_t>(info.nic->link_attr->speed / kBitsPerMegabit);
    }
    return link_mbps_of(std::string{info.domain_attr->name});
}

bool is_wanted(const Device& device, const sdk::RailSpec& spec, const ProviderTraits& provider,
               const std::vector<Nic>& nics) {
    const std::string address = canonical_address(spec.address);
    if (!spec.address.empty() && address.empty()) return false;
    if (!device.address.empty()) {
        const Nic* nic = nic_with(nics, device.address);
        const bool iface_fits = spec.iface.empty() || device.domain == spec.iface ||
                                (nic != nullptr && nic->iface == spec.iface);
        return iface_fits && (address.empty() || device.address == address);
    }
    if (provider.is_rdma_by_ip) return false;
    // Without IP addresses of its own. Shared memory needs no NIC, but what the site names must be
    // there: a slip in the file should not pass for a setting.
    if (provider.same_host_only) return spec.iface == device.domain || has(nics, spec, address);
    const Nic* nic = address.empty() ? nullptr : nic_with(nics, address);
    const std::string iface = !spec.iface.empty() ? spec.iface : nic != nullptr ? nic->iface : "";
    if (iface.empty() || (nic != nullptr && nic->iface != iface)) return false;
    const std::string rdma_device = rdma_device_of(iface);
    return device.domain.starts_with(iface) ||
           (!rdma_device.empty() && device.domain.starts_with(rdma_device));
}

sdk::Result<InfoPtr> find_device(const Settings& settings, const sdk::RailSpec& spec) {
    if (spec.iface.empty() && spec.address.empty()) {
        return sdk::Error{sdk::Code::InvalidArgument,
                          "open rail: neither an interface nor an address is named"};
    }
    auto nics = list_nics();
    if (!nics) return std::move(nics).error();
    const InfoPtr hints = make_hints(settings);
    if (hints == nullptr) return sdk::Error{sdk::Code::NoMemory, "open rail: fi_allocinfo"};
    const InfoPtr list = query(hints.get(), nullptr);
    const std::vector<Device> devices =
        devices_of(of_provider(list.get(), settings.provider->name));

    const Device* device = choose(devices, spec, *settings.provider, *nics);
    if (device == nullptr) return not_found(settings, spec, devices, *nics);
    InfoPtr info = bound_info(settings, *device);
    if (info == nullptr) {
        return sdk::Error{sdk::Code::Unavailable, "open rail: device '" + device->domain +
                                                      "': it was listed, but does "
                                                      "not open with address '" +
                                                      device->address + "'"};
    }
    return info;
}

}  // namespace godwit::transport_libfabric
