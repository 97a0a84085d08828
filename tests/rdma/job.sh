# shellcheck shell=bash
# The job that is done over RDMA: which transports, and which tree. Sourced. Needs say.sh.
small_files=300  # And an empty one.
large_file_mib=64
job="$small_files files and one of $large_file_mib MiB"

# rdma_yaml TRANSPORT, tcp_yaml TRANSPORT: the same plugin over one and the other.
rdma_yaml() {
    case $1 in
    libfabric) echo '{plugin: libfabric, options: {provider: "verbs;ofi_rxm"}}' ;;
    ucx) echo '{plugin: ucx, options: {tls: "rc"}}' ;;
    *) die "unknown transport '$1' (known: libfabric, ucx)" ;;
    esac
}

tcp_yaml() {
    case $1 in
    libfabric) echo '{plugin: libfabric, options: {provider: "tcp;ofi_rxm"}}' ;;
    ucx) echo '{plugin: ucx, options: {tls: "tcp"}}' ;;
    esac
}

# make_tree FOLDER: sets tree_bytes, the sum of its files.
make_tree() {
    local size
    mkdir -p "$1/nested/deeper" "$1/empty/folder"
    # Cut from one stream, which is quick where each process takes its time to start.
    for size in 500 5000 40000; do
        head -c "$((size * small_files / 3))" /dev/urandom |
            split -a 3 -d -b "$size" - "$1/nested/deeper/$size-"
    done
    : >"$1/empty/file"
    head -c "${large_file_mib}M" /dev/urandom >"$1/large"
    tree_bytes=$(find "$1" -type f -printf '%s\n' | awk '{sum += $1} END {print sum}')
}
