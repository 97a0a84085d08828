#include <godwit/conformance/transport.h>

GODWIT_TRANSPORT_CONFORMANCE(UcxTcp, (godwit::conformance::TransportSetup{
                                         .plugin = PLUGIN_FILE,
                                         .options = {{"tls", "tcp"}},
                                         .rail = {.iface = "lo", .address = "127.0.0.1"}}));
