# shellcheck shell=bash
# A master and agents on loopback, for the demo and the benchmarks; sourced.
#
# Needs: $bin (the executables' folder), $work (a folder of the caller's own), say.sh. Everything that
# it starts is stopped by stop_cluster, by process id.
cluster_pids=()
# How long each part may take to come up; a caller on a slow machine sets more.
: "${cluster_patience:=15}"

free_port() {
    local port
    while :; do
        port=$((RANDOM % 20000 + 20000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}

# The ends of the logs first: they go with the folder when the caller ends.
die_with_logs() {
    tail -n 10 "$work"/*.log >&2
    die "$@"
}

# wait_for WHAT SECONDS COMMAND...
wait_for() {
    local what=$1 deadline=$((SECONDS + $2))
    shift 2
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || die_with_logs "$what did not come up"
        sleep 0.1
    done
}

# start_redis: prints nothing, sets redis_url and redis_pid.
start_redis() {
    local port
    port=$(free_port)
    redis-server --port "$port" --bind 127.0.0.1 --dir "$work" --save '' --appendonly no \
        --daemonize no >"$work/redis.log" 2>&1 &
    redis_pid=$!
    cluster_pids+=("$redis_pid")
    wait_for 'redis-server' 10 redis-cli -p "$port" ping
    redis_url=redis://127.0.0.1:$port/0
}

# start_rsyncd FOLDER: an rsync daemon over a folder; sets rsync_url.
start_rsyncd() {
    local port
    port=$(free_port)
    printf 'use chroot = no\nuid = %s\ngid = %s\n[b]\npath = %s\nread only = no\n' \
        "$(id -u)" "$(id -g)" "$1" >"$work/rsyncd.conf"
    rsync --daemon --no-detach --address=127.0.0.1 --port="$port" --config="$work/rsyncd.conf" \
        >"$work/rsyncd.log" 2>&1 &
    cluster_pids+=($!)
    rsync_url=rsync://127.0.0.1:$port/b
    wait_for 'rsync daemon' 10 rsync "$rsync_url/"
}

# start_master STORE: sets master_url and master_pid. STORE is memory or redis.
start_master() {
    local port store="store: {plugin: memory}"
    port=$(free_port)
    if [[ $1 == redis ]]; then
        start_redis
        store="store: {plugin: redis, options: {url: \"$redis_url\"}}"
    fi
    printf '%s\n' "listen: {host: 127.0.0.1, port: $port}" "$store" >"$work/master.yml"
    env -u REDIS_URL "$bin/godwit-master" --config "$work/master.yml" 2>"$work/master.log" &
    master_pid=$!
    cluster_pids+=("$master_pid")
    master_url=http://127.0.0.1:$port
    export GODWIT_MASTER_URL=$master_url
    wait_for 'the master' "$cluster_patience" curl -sf "$master_url/readyz"
}

# write_agents TRANSPORT_YAML WORKER=PATH...
# A worker's NIC is the loopback, unless cluster_endpoint[WORKER] says otherwise, in YAML.
declare -A cluster_endpoint=()
write_agents() {
    local transport=$1 worker endpoint
    shift
    {
        printf 'master_url: %s\ntransport: %s\nworkers:\n' "$master_url" "$transport"
        for worker in "$@"; do
            endpoint=${cluster_endpoint[${worker%%=*}]-'{iface: lo, address: 127.0.0.1}'}
            printf '  - worker_id: %s\n    storage_paths: ["%s"]\n' "${worker%%=*}" "${worker#*=}"
            printf '    network: {control_plane_address: 127.0.0.1, data_plane_endpoints: [%s]}\n' \
                "$endpoint"
        done
    } >"$work/agents.yml"
}

# start_agent WORKER
start_agent() {
    "$bin/godwit-agent" --worker-id "$1" --config "$work/agents.yml" 2>"$work/$1.log" &
    cluster_pids+=($!)
    wait_for "agent $1" "$cluster_patience" is_active "$1"
}

# Whether the worker takes work: one that said goodbye is DRAINING.
is_active() {
    [[ $(curl -sf "$master_url/workers?status=active" |
        jq -r --arg id "$1" '.active[] | select(.worker_id == $id) | .status') =~ ^(READY|IDLE|TRANSFERRING)$ ]]
}

stop_cluster() {
    local pid
    for pid in "${cluster_pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${cluster_pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    cluster_pids=()
}

transport_yaml() {
    case $1 in
    libfabric) echo '{plugin: libfabric, options: {provider: "tcp;ofi_rxm"}}' ;;
    ucx) echo '{plugin: ucx, options: {tls: tcp}}' ;;
    *) die "unknown transport '$1' (known: libfabric, ucx)" ;;
    esac
}
