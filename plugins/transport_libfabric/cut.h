// Ends the TCP connections under an endpoint, from the outside.
#pragma once

namespace godwit::transport_libfabric {

// Shuts down every connected socket that the epoll descriptor `wait_fd` watches, also through other
// epoll descriptors. The provider then meets the end of the stream at its next progress.
//
// Why anyone would: closing a TCP endpoint of libfabric 1.17 in the middle of a read's answer makes
// it report that read a second time, with a null context that ofi_rxm dereferences (upstream
// a74ea0fcd, fixed in 1.18). The end of a stream it handles well. No call of libfabric's gives the
// socket away, but the kernel tells what an epoll descriptor watches.
void cut_connections(int wait_fd);

}  // namespace godwit::transport_libfabric
