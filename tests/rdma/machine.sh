# shellcheck shell=bash
# An emulated machine with an RDMA device: Debian's own kernel, which has Soft-RoCE, under QEMU, and
# the host's files. Sourced. Needs $root, say.sh, packages.sh.
#
# The emulator translates each instruction (TCG). It needs no rights and nothing of the host's
# kernel, and is slow: good for proofs, never for measurements.
machine_cache=${XDG_CACHE_HOME:-$HOME/.cache}/godwit-rdma
machine_memory_mib=4096
# Of each machine, where there are two.
machine_memory_of_two_mib=2560
machine_packages=(qemu-system-x86 busybox-static cpio kmod iproute2 ibverbs-providers)

# In the order of need; what they need themselves, modprobe knows. Without crc32_generic, Soft-RoCE
# finds no checksum.
machine_modules=(virtio_pci 9pnet_virtio 9p overlay crc32_generic rdma_rxe rdma_ucm ib_uverbs ib_umad
    veth virtio_net)

# Leaves a kernel and its modules in $machine_cache/kernel, once. Nothing is installed.
fetch_kernel() {
    [[ -e $machine_cache/kernel/vmlinuz ]] && return
    local package work
    [[ $(uname -m) == x86_64 ]] || die "the emulated machine is one for amd64 hosts; see --here"
    command -v apt-get >/dev/null || die "the emulated machine needs Debian's kernel, by apt-get"
    package=$(kernel_package)
    if [[ -z $package ]] && ((EUID == 0)); then
        apt-get update -qq
        package=$(kernel_package)
    fi
    [[ -n $package ]] || die "apt knows no linux-image-amd64: run apt-get update"
    say "fetching $package"
    work=$(mktemp -d "$machine_cache/fetch-XXXXXX")
    (cd "$work" && apt-get -o APT::Sandbox::User=root download -qq "$package")
    dpkg -x "$work"/linux-image-*.deb "$work/tree"
    mkdir "$work/kernel"
    mv "$work"/tree/boot/vmlinuz-* "$work/kernel/vmlinuz"
    mkdir "$work/kernel/lib"
    mv "$work/tree/lib/modules" "$work/kernel/lib/"
    depmod -b "$work/kernel" "$(ls "$work/kernel/lib/modules")"
    mv "$work/kernel" "$machine_cache/kernel"
    rm -rf "$work"
}

# The meta package depends on the one that has the files.
kernel_package() {
    apt-cache depends linux-image-amd64 2>/dev/null |
        awk '$1 == "Depends:" && $2 ~ /^linux-image-/ {print $2; exit}'
}

# Leaves an initramfs in the cache, named after what it was made of; sets $machine_initramfs.
make_initramfs() {
    local recipe work module version
    version=$(ls "$machine_cache/kernel/lib/modules")
    recipe=$({
        echo "$version ${machine_modules[*]}"
        cat "$root/tests/rdma/init" "$root/tests/rdma/machine.sh"
    } | sha256sum)
    machine_initramfs=$machine_cache/initramfs-${recipe:0:16}.gz
    [[ -e $machine_initramfs ]] && return
    say "making an initramfs for $version"
    rm -f "$machine_cache"/initramfs-*.gz
    work=$(mktemp -d "$machine_cache/initramfs-XXXXXX")
    mkdir -p "$work"/tree/{bin,modules,proc,sys,dev,host,memory,root}
    cp /bin/busybox "$work/tree/bin/"
    install -m 755 "$root/tests/rdma/init" "$work/tree/init"
    for module in "${machine_modules[@]}"; do
        modprobe -d "$machine_cache/kernel" -S "$version" --show-depends "$module"
    done | awk '$1 == "insmod" && !seen[$2]++ {print $2}' >"$work/modules"
    while read -r module; do
        cp "$module" "$work/tree/modules/"
        basename "$module" >>"$work/tree/modules/order"
    done <"$work/modules"
    (cd "$work/tree" && find . | cpio --quiet -o -H newc | gzip -1 >"$work/image")
    mv "$work/image" "$machine_initramfs"
    rm -rf "$work"
}

prepare_machine() {
    # For modprobe and depmod, of users that are not root.
    PATH=$PATH:/usr/sbin:/sbin
    install_packages "${machine_packages[@]}"
    mkdir -p "$machine_cache"
    exec {machine_lock}>"$machine_cache/lock"
    flock -w 600 "$machine_lock" || die "another run has been preparing $machine_cache for long"
    fetch_kernel
    make_initramfs
    exec {machine_lock}>&-
}

# boot_machine RESULTS SECONDS MEMORY_MIB QEMU_ARGUMENT...: runs $RESULTS/run in the machine, as root.
# What it prints is printed. Becomes the machine, whose end is its own: call it in the background,
# and end it by its id.
boot_machine() {
    local results=$1 seconds=$2 memory_mib=$3
    shift 3
    exec timeout -k 5 "$seconds" qemu-system-x86_64 \
        -accel tcg,thread=multi -cpu max -smp 2 -m "$memory_mib" \
        -display none -monitor none -serial stdio -no-reboot \
        -kernel "$machine_cache/kernel/vmlinuz" -initrd "$machine_initramfs" \
        -append "console=ttyS0 panic=-1 quiet" \
        -virtfs "local,path=/,mount_tag=hostroot,security_model=none,readonly=on,multidevs=remap" \
        -virtfs "local,path=$results,mount_tag=results,security_model=none" \
        "$@" </dev/null
}

# card_arguments NUMBER SOCKET: sets machine_card, for the first or the second end of a cable, which
# is a socket of the host; the first machine has to be there before the second.
card_arguments() {
    local is_first=off
    [[ $1 != 1 ]] || is_first=on
    machine_card=(
        -netdev "stream,id=cable,server=$is_first,addr.type=unix,addr.path=$2"
        -device "virtio-net-pci,netdev=cable,mac=52:54:00:00:00:0$1,host_mtu=9000,romfile="
    )
}
