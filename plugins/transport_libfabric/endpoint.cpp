#include "endpoint.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "wire.h"

namespace godwit::transport_libfabric {

sdk::Result<Fabric> Fabric::open(InfoPtr info) {
    Fabric made;
    made.info = std::move(info);
    fid_fabric* fabric = nullptr;
    if (const int rc = fi_fabric(made.info->fabric_attr, &fabric, nullptr); rc != 0) {
        return fabric_error("fi_fabric", rc);
    }
    made.fabric.reset(fabric);
    fid_domain* domain = nullptr;
    if (const int rc = fi_domain(fabric, made.info.get(), &domain, nullptr); rc != 0) {
        return fabric_error("fi_domain", rc);
    }
    made.domain.reset(domain);
    return made;
}

sdk::Result<Endpoint> Endpoint::open(const Fabric& fabric, std::size_t completions_max, Wait wait) {
    // shm calls an endpoint's memory after our process's number and a count of its endpoints. Where
    // a killed process that had our number left some behind, fi_enable takes it away and fails; the
    // next endpoint has the next name.
    constexpr int kTriesMax = 256;
    auto made = open_once(fabric, completions_max, wait);
    for (int tries = 1; !made && made.error().native == -FI_EBUSY && tries < kTriesMax; ++tries) {
        made = open_once(fabric, completions_max, wait);
    }
    return made;
}

sdk::Result<Endpoint> Endpoint::open_once(const Fabric& fabric, std::size_t completions_max,
                                          Wait wait) {
    Endpoint made;
    fi_av_attr av_attr{};
    av_attr.type = FI_AV_TABLE;
    av_attr.count = 1;
    fid_av* addresses = nullptr;
    if (const int rc = fi_av_open(fabric.domain.get(), &av_attr, &addresses, nullptr); rc != 0) {
        return fabric_error("fi_av_open", rc);
    }
    made.addresses_.reset(addresses);

    fi_cq_attr cq_attr{};
    cq_attr.size = completions_max;
    cq_attr.format = FI_CQ_FORMAT_CONTEXT;
    cq_attr.wait_obj = wait == Wait::Descriptor ? FI_WAIT_FD : FI_WAIT_NONE;
    fid_cq* queue = nullptr;
    if (const int rc = fi_cq_open(fabric.domain.get(), &cq_attr, &queue, nullptr); rc != 0) {
        const bool no_wait = wait == Wait::Descriptor && (rc == -FI_ENOSYS || rc == -FI_EINVAL);
        return fabric_error("fi_cq_open", rc,
                            no_wait ? sdk::Code::Unsupported : sdk::Code::Unavailable);
    }
    made.queue_.reset(queue);

    fid_ep* endpoint = nullptr;
    if (const int rc = fi_endpoint(fabric.domain.get(), fabric.info.get(), &endpoint, nullptr);
        rc != 0) {
        return fabric_error("fi_endpoint", rc);
    }
    made.endpoint_.reset(endpoint);
    if (const int rc = fi_ep_bind(endpoint, &addresses->fid, 0); rc != 0) {
        return fabric_error("fi_ep_bind av", rc);
    }
    if (const int rc = fi_ep_bind(endpoint, &queue->fid, FI_TRANSMIT | FI_RECV); rc != 0) {
        return fabric_error("fi_ep_bind cq", rc);
    }
    if (const int rc = fi_enable(endpoint); rc != 0) return fabric_error("fi_enable", rc);
    if (wait == Wait::Descriptor) {
        if (const int rc = fi_control(&queue->fid, FI_GETWAIT, &made.wait_fd_); rc != 0) {
            return fabric_error("fi_control FI_GETWAIT", rc, sdk::Code::Unsupported);
        }
    }
    return made;
}

sdk::Result<std::vector<std::byte>> Endpoint::name() const {
    std::vector<std::byte> name(kEndpointBytesMax);
    std::size_t size = name.size();
    if (const int rc = fi_getname(&endpoint_->fid, name.data(), &size); rc != 0) {
        return fabric_error("fi_getname", rc, sdk::Code::Internal);
    }
    name.resize(std::min(size, name.size()));
    return name;
}

sdk::Result<fi_addr_t> Endpoint::insert(sdk::ByteView name) {
    const auto same = [&](const Inserted& known) { return std::ranges::equal(known.name, name); };
    if (const auto known = std::ranges::find_if(inserted_, same); known != inserted_.end()) {
        return known->address;
    }
    // Some providers read a string up to its zero: whatever comes, one is there.
    std::vector<std::byte> terminated(name.begin(), name.end());
    terminated.push_back(std::byte{0});
    fi_addr_t address = FI_ADDR_UNSPEC;
    const int count = fi_av_insert(addresses_.get(), terminated.data(), 1, &address, 0, nullptr);
    if (count != 1) return fabric_error("fi_av_insert", count < 0 ? count : -FI_EINVAL);
    inserted_.push_back({{name.begin(), name.end()}, address});
    return address;
}

Endpoint::Progress Endpoint::progress(std::span<Completion> out) {
    constexpr std::size_t kBatch = 16;
    std::array<fi_cq_entry, kBatch> entries{};
    Progress made;
    const ssize_t rc = fi_cq_read(queue_.get(), entries.data(), std::min(kBatch, out.size()));
    if (rc == -FI_EAVAIL) {
        fi_cq_err_entry failure{};
        if (fi_cq_readerr(queue_.get(), &failure, 0) == 1) {
            // shm reports negative numbers.
            out[made.count++] = {failure.op_context, std::max(1, std::abs(failure.err))};
        }
        return made;
    }
    if (rc == -FI_EAGAIN) return made;
    if (rc < 0) {
        made.queue_error = static_cast<int>(-rc);
        return made;
    }
    for (; made.count < static_cast<std::size_t>(rc); ++made.count) {
        out[made.count] = {entries[made.count].op_context, 0};
    }
    return made;
}

bool Endpoint::may_sleep(const Fabric& fabric) {
    std::array<fid*, 1> fids{&queue_->fid};
    return fi_trywait(fabric.fabric.get(), fids.data(), fids.size()) == FI_SUCCESS;
}

}  // namespace godwit::transport_libfabric
