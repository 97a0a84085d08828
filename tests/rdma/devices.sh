# shellcheck shell=bash
# RDMA devices: making Soft-RoCE ones, finding those there are, reading their counters. Sourced.

# Two Soft-RoCE devices, rxe0 with 10.77.0.1 and rxe1 with 10.77.0.2, each on its end of a cable.
#
# Soft-RoCE of Linux 6.1 works in the first network namespace only, so both ends are there. Left
# alone, the kernel would take a packet from one of its own addresses to another around the cable,
# by the loopback, where no device is. So what comes in by an end is local, and what goes from one
# address to the other has a route of its own, before the kernel looks into its local table.
make_soft_roce() {
    # The largest packet of RDMA, 4096, wants some room for headers.
    ip link set lo up
    ip link add veth0 mtu 9000 type veth peer name veth1 mtu 9000
    local end
    for end in 0 1; do
        ip address add "10.77.0.$((end + 1))/24" dev "veth$end"
        ip link set "veth$end" up
        rdma link add "rxe$end" type rxe netdev "veth$end"
        echo 1 >"/proc/sys/net/ipv4/conf/veth$end/accept_local"
        ip rule add pref $((10 + end)) iif "veth$end" lookup local
        ip rule add pref $((20 + end)) from "10.77.0.$((end + 1))" to "10.77.0.$((2 - end))" \
            lookup $((100 + end))
        ip route add "10.77.0.$((2 - end))" dev "veth$end" src "10.77.0.$((end + 1))" \
            table $((100 + end))
    done
    ip rule add pref 100 lookup local
    ip rule del pref 0
    wait_for_gid rxe0 10.77.0.1
    wait_for_gid rxe1 10.77.0.2
}

# wait_for_gid DEVICE IPV4: a device learns its interface's addresses a moment after they are there.
wait_for_gid() {
    local i hex
    # shellcheck disable=SC2046,SC2183  # One word for each number between the dots.
    hex=$(printf '%02x%02x:%02x%02x' $(tr . ' ' <<<"$2"))
    for ((i = 0; i < 100; ++i)); do
        grep -qs "ffff:$hex" "/sys/class/infiniband/$1/ports/1/gids/"{0,1,2,3} && return
        sleep 0.1
    done
    echo "device $1 does not get the address $2" >&2
    return 1
}

# "device port iface address" of each port that is up and has an IPv4 address.
list_devices() {
    local folder device port iface address
    for folder in /sys/class/infiniband/*/ports/*; do
        [[ -e $folder/state && $(<"$folder/state") == *ACTIVE* ]] || continue
        device=${folder#/sys/class/infiniband/}
        port=${device##*/}
        device=${device%%/*}
        iface=$(interface_of "$device" "$port")
        [[ -n $iface ]] || continue
        address=$(ip -4 -o address show dev "$iface" scope global |
            awk '{sub("/.*", "", $4); print $4; exit}')
        [[ -z $address ]] || echo "$device $port $iface $address"
    done
}

# RoCE: where the first GID comes from. InfiniBand: the port's IPoIB, a child of the same PCI device.
interface_of() {
    local folder=/sys/class/infiniband/$1 net
    if net=$(cat "$folder/ports/$2/gid_attrs/ndevs/0" 2>/dev/null) && [[ -n $net ]]; then
        echo "$net"
        return
    fi
    for net in "$folder"/device/net/*; do
        [[ -e $net && $(($(<"$net/dev_port") + 1)) == "$2" ]] && basename "$net" && return
    done
    return 0
}

# received_bytes DEVICE PORT IFACE: how many bytes the device itself says it has received by RDMA.
# InfiniBand's counters include the interface's own, IPoIB, which are taken off. Soft-RoCE counts
# packets only: then as many bytes as fit into them, at most.
received_bytes() {
    local port=/sys/class/infiniband/$1/ports/$2 not_rdma=0
    if [[ -r $port/counters/port_rcv_data ]]; then
        [[ $(<"$port/link_layer") != InfiniBand ]] ||
            not_rdma=$(<"/sys/class/net/$3/statistics/rx_bytes")
        echo $(($(<"$port/counters/port_rcv_data") * 4 - not_rdma))
    elif [[ -r $port/hw_counters/rcvd_pkts ]]; then
        echo $(($(<"$port/hw_counters/rcvd_pkts") * $(packet_bytes "$3")))
    else
        echo "device $1 has no counter of received bytes or packets that is known here" >&2
        return 1
    fi
}

# The packet size that RoCE chooses on an interface: a power of two, with room for headers.
packet_bytes() {
    local room=$(($(<"/sys/class/net/$1/mtu") - 96)) size=4096
    while ((size > room && size > 256)); do size=$((size / 2)); done
    echo "$size"
}
