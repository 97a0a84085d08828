#include <godwit/conformance/transport.h>

GODWIT_TRANSPORT_CONFORMANCE(LibfabricTcp, (godwit::conformance::TransportSetup{
                                               .plugin = PLUGIN_FILE,
                                               .options = {{"provider", "tcp;ofi_rxm"}},
                                               .rail = {.iface = "lo", .address = "127.0.0.1"}}));

// Without keys and without wait descriptors: the kit skips what rests on these.
GODWIT_TRANSPORT_CONFORMANCE(LibfabricShm, (godwit::conformance::TransportSetup{
                                               .plugin = PLUGIN_FILE,
                                               .options = {{"provider", "shm"}},
                                               .rail = {.iface = "lo", .address = "127.0.0.1"}}));

// On a machine with RDMA: GODWIT_TEST_FABRIC="provider=verbs;ofi_rxm" and GODWIT_TEST_NIC.
GODWIT_TRANSPORT_SITE_CONFORMANCE(LibfabricSite, PLUGIN_FILE);
