# shellcheck shell=bash
# Many small files, made quickly; sourced.

# make_small_files FOLDER FILES BYTES [PER_FOLDER]: files of random bytes below folders of FOLDER;
# PER_FOLDER 0: all of them directly in it.
make_small_files() {
    local folder=$1 files=$2 bytes=$3 per_folder=${4-1000} made=0 count into
    while ((made < files)); do
        count=$((files - made))
        into=$folder
        if ((per_folder > 0)); then
            into=$folder/$((made / per_folder))
            ((count < per_folder)) || count=$per_folder
        fi
        mkdir -p "$into"
        # Pieces of one stream: a process for each file would take most of the time.
        head -c $((count * bytes)) /dev/urandom | split -b "$bytes" -a 8 -d - "$into/f"
        made=$((made + count))
    done
}
