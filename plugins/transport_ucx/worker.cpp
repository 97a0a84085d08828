#include "worker.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include "status_code.h"
#include "ucx_log.h"

namespace godwit::transport_ucx {
namespace {

// Rounds of progress in one poll: enough to serve what has arrived, few enough to come back.
constexpr int kProgressRoundsMax = 64;

sdk::Error setup_error(const Library& ucx, const std::string& what, ucs_status_t status,
                       const std::string& said) {
    std::string message = what + ": " + ucx.ucs_status_string(status);
    if (!said.empty()) message += ": " + said;
    return {code_of_setup(status), std::move(message), status};
}

sdk::Status apply(const Library& ucx, ucp_config_t* config, const UcxSetting& setting) {
    const LogCapture log;
    ucs_status_t status = UCS_OK;
    for (const std::string& name : names_of(setting.name)) {
        status = ucx.ucp_config_modify(config, name.c_str(), setting.value.c_str());
        if (status != UCS_OK) break;
    }
    if (status == UCS_OK) return {};
    return setup_error(ucx, "set UCX's '" + setting.name + "' to '" + setting.value + "'", status,
                       log.said());
}

// The defaults that the environment does not contradict, and all that is required.
std::vector<UcxSetting> effective(const UcxConfiguration& configuration) {
    std::vector<UcxSetting> settings;
    for (const UcxSetting& setting : configuration.defaults) {
        const std::string variable = "UCX_" + setting.name;
        if (std::getenv(variable.c_str()) == nullptr) settings.push_back(setting);
    }
    settings.insert(settings.end(), configuration.required.begin(), configuration.required.end());
    return settings;
}

sdk::Result<ConfigPtr> make_config(const Library& ucx, const UcxConfiguration& configuration) {
    ucp_config_t* raw = nullptr;
    const ucs_status_t status = ucx.ucp_config_read(nullptr, nullptr, &raw);
    if (status != UCS_OK) return setup_error(ucx, "read UCX's configuration", status, "");
    ConfigPtr config{raw, {&ucx}};
    for (const UcxSetting& setting : effective(configuration)) {
        if (auto applied = apply(ucx, raw, setting); !applied) return std::move(applied).error();
    }
    return config;
}

sdk::Result<ContextPtr> make_context(const Library& ucx, const Settings& settings, const Nic& nic,
                                     ucp_config_t* config, const LogCapture& log) {
    ucp_params_t parameters{};
    // Active messages only: UCX emulates remote access to memory over TCP without looking at keys.
    parameters.field_mask = UCP_PARAM_FIELD_FEATURES;
    parameters.features = UCP_FEATURE_AM | UCP_FEATURE_WAKEUP;
    ucp_context_h context = nullptr;
    const ucs_status_t status =
        ucx.ucp_init_version(UCP_API_MAJOR, UCP_API_MINOR, &parameters, config, &context);
    if (status != UCS_OK) {
        return setup_error(ucx, "open UCX '" + settings.tls + "' on '" + nic.devices + "'", status,
                           log.said());
    }
    return ContextPtr{context, {&ucx}};
}

sdk::Result<WorkerPtr> make_worker(const Library& ucx, ucp_context_h context,
                                   const LogCapture& log) {
    ucp_worker_params_t parameters{};
    parameters.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE;
    parameters.thread_mode = UCS_THREAD_MODE_SINGLE;
    ucp_worker_h worker = nullptr;
    const ucs_status_t status = ucx.ucp_worker_create(context, &parameters, &worker);
    if (status != UCS_OK) return setup_error(ucx, "create a UCX worker", status, log.said());
    return WorkerPtr{worker, {&ucx}};
}

// "invalid configurations: A=1,B=2"
constexpr std::string_view kUnusedRemark = "invalid configuration";

bool is_unused_remark(const std::string& line) {
    return line.starts_with(kUnusedRemark);
}

bool names(const std::string& remark, const std::string& name, const std::string& value) {
    const std::string text = name + "=" + value;
    return remark.find(" " + text) != remark.npos || remark.find("," + text) != remark.npos;
}

// UCX takes any setting, and complains once all transports are open and none of them wanted it.
sdk::Status check_use(const UcxConfiguration& configuration, const std::string& tls,
                      const std::vector<std::string>& lines) {
    for (const std::string& line : lines) {
        if (!is_unused_remark(line)) continue;
        for (const auto& [name, value] : configuration.required) {
            const auto is_unused = [&](const std::string& form) {
                return names(line, form, value);
            };
            if (!std::ranges::all_of(names_of(name), is_unused)) continue;
            return sdk::Error{sdk::Code::InvalidArgument,
                              "set UCX's '" + name + "' to '" + value + "': nothing in tls '" +
                                  tls +
                                  "' has such a setting, or takes this value ('ucx_info -cf' lists "
                                  "them)"};
        }
    }
    return {};
}

// Empty: the limit is none, and cannot be why memory was not registered.
std::string advice_on_lockable_memory() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return {};
    return "no more than " + std::to_string(limit.rlim_cur) +
           " bytes may be locked: set LimitMEMLOCK=infinity in the systemd unit, or `ulimit -l "
           "unlimited`; ";
}

}  // namespace

sdk::Result<Worker> Worker::open(const Library& ucx, const Settings& settings, const Nic& nic,
                                 sdk::Logger& logger) {
    const std::lock_guard lock{ucx.opening};
    const LogCapture log;
    const auto configuration = configure(settings, nic.devices, nic.address.is_v6(), nic.gid_index);
    auto config = make_config(ucx, configuration);
    if (!config) return std::move(config).error();
    auto context = make_context(ucx, settings, nic, config->get(), log);
    if (!context) return std::move(context).error();
    auto worker = make_worker(ucx, context->get(), log);
    if (!worker) return std::move(worker).error();
    auto remarks = log.lines();
    if (auto used = check_use(configuration, settings.tls, remarks); !used) {
        return std::move(used).error();
    }
    std::erase_if(remarks, is_unused_remark);
    if (!remarks.empty()) {
        logger.log(sdk::LogLevel::Warning, "ucx has remarks on a rail",
                   {{"device", nic.devices}, {"remarks", join(remarks)}});
    }

    Worker opened{ucx, std::move(*context), std::move(*worker)};
    const ucs_status_t status = ucx.ucp_worker_get_efd(opened.handle(), &opened.wait_fd_);
    if (status != UCS_OK) {
        return setup_error(ucx, "get the wait descriptor of UCX", status, log.said());
    }
    return opened;
}

void Worker::progress() noexcept {
    for (int round = 0; round < kProgressRoundsMax; ++round) {
        if (ucx_->ucp_worker_progress(worker_.get()) == 0) return;
    }
}

// A verbs device that is asked for the next completion keeps silent about those that came before,
// and UCX does not look again once it has asked. (The queues of mlx5 do tell; Soft-RoCE's do not.)
bool Worker::arm() noexcept {
    return ucx_->ucp_worker_arm(worker_.get()) == UCS_OK &&
           ucx_->ucp_worker_progress(worker_.get()) == 0;
}

sdk::Result<MemoryPtr> Worker::map(std::span<std::byte> memory) const {
    const LogCapture log;
    ucp_mem_map_params_t parameters{};
    parameters.field_mask = UCP_MEM_MAP_PARAM_FIELD_ADDRESS | UCP_MEM_MAP_PARAM_FIELD_LENGTH |
                            UCP_MEM_MAP_PARAM_FIELD_MEMORY_TYPE;
    parameters.address = memory.data();
    parameters.length = memory.size();
    parameters.memory_type = UCS_MEMORY_TYPE_HOST;
    ucp_mem_h handle = nullptr;
    const ucs_status_t status = ucx_->ucp_mem_map(context_.get(), &parameters, &handle);
    if (status == UCS_OK) return MemoryPtr{handle, {ucx_, context_.get()}};

    // UCX reports a failed registration as whatever its transport made of it.
    const sdk::Error said = setup_error(*ucx_, "UCX", status, log.said());
    return sdk::Error{sdk::Code::NoMemory,
                      "register " + std::to_string(memory.size()) +
                          " bytes with the fabric: " + advice_on_lockable_memory() + said.message,
                      said.native};
}

sdk::Status Worker::on_message(MessageKind kind, ucp_am_recv_callback_t callback, void* target) {
    ucp_am_handler_param_t parameters{};
    parameters.field_mask = UCP_AM_HANDLER_PARAM_FIELD_ID | UCP_AM_HANDLER_PARAM_FIELD_CB |
                            UCP_AM_HANDLER_PARAM_FIELD_ARG;
    parameters.id = static_cast<unsigned>(kind);
    parameters.cb = callback;
    parameters.arg = target;
    const ucs_status_t status = ucx_->ucp_worker_set_am_recv_handler(handle(), &parameters);
    if (status == UCS_OK) return {};
    return setup_error(*ucx_, "register for active messages", status, "");
}

}  // namespace godwit::transport_ucx
