#include <godwit/conformance/transport.h>

GODWIT_TRANSPORT_CONFORMANCE(UcxTcp, (godwit::conformance::TransportSetup{
                                         .plugin = PLUGIN_FILE,
                                         .options = {{"tls", "tcp"}},
                                         .rail = {.iface = "lo", .address = "127.0.0.1"}}));

// On a machine with RDMA: GODWIT_TEST_FABRIC="tls=rc" and GODWIT_TEST_NIC.
GODWIT_TRANSPORT_SITE_CONFORMANCE(UcxSite, PLUGIN_FILE);
