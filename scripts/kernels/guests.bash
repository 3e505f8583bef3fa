# What scripts/kernels/run and scripts/kernels/mutate share: from a name to documents.
# Sourced, not run.

cannot() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 2; }

# FILE: the comment at the head of a script.
print_usage() { awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$1"; }

home=$(cd "${0%"${0##*/}"}./../.." && pwd)
cd "$home"
kernels=${CARGO_TARGET_DIR:-$home/target}/kernels
packages=$kernels/packages
# shellcheck source=scripts/kernels/debian.bash
source scripts/kernels/debian.bash
# shellcheck source=scripts/kernels/guest.bash
source scripts/kernels/guest.bash

# How long a guest may run one user's claims, and live as a whole, in seconds.
claims_limit=80
guest_limit=180

# PROGRAM PACKAGE: ends where a program is missing.
need() { command -v "$1" > /dev/null || cannot "$1 is missing (apt-get install $2)"; }

# MACHINE: ends where its guests need something that is missing, before anything is built or brought.
need_programs() {
    need apt-get apt
    need dpkg-deb dpkg
    case $1 in
        amd64) need qemu-system-x86_64 qemu-system-x86 ;;
        arm64)
            need qemu-system-aarch64 qemu-system-arm
            need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
            ;;
        gvisor) [ "$(id -u)" -eq 0 ] || cannot 'gVisor needs root here' ;;
        uml) [ "$(id -u)" -eq 0 ] || cannot 'User-mode Linux needs root here: a root of its own' ;;
    esac
    case $1 in
        amd64 | arm64)
            need cpio cpio
            need xz xz-utils
            ;;
    esac
}

# FOLDER: ends where another run works in it. The lock is held until the script and all that it
# started have ended.
lock_folder() {
    { exec {lock}> "$1/.lock"; } 2> /dev/null || cannot "$1 cannot be written to"
    flock --nonblock "$lock" || cannot "another run works in $1: wait for its end"
}

# MIB: ends where the disk has less room.
need_room() {
    local free
    free=$(df -Pm "$kernels" | awk 'NR == 2 { print $4 }')
    [ "$free" -ge "$1" ] || cannot "$kernels needs $1 MiB, and $free MiB are free"
}

# MACHINE: sets $witness to the static binary for it, built where it is not yet.
build_witness() {
    local target=x86_64-unknown-linux-gnu
    if [ "$1" = arm64 ]; then
        target=aarch64-unknown-linux-gnu
        export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
    fi
    # The host's own name as the target: else the compiler's plug-ins would be static too.
    RUSTFLAGS='-C target-feature=+crt-static' cargo build --quiet --release --target "$target" \
        --package witness --bin witness ||
        cannot "no static binary for $target (rustup target add $target?)"
    witness=${CARGO_TARGET_DIR:-target}/$target/release/witness
}

# Sets $witness to a binary that uses this host's libraries.
build_witness_with_libraries() {
    cargo build --quiet --release --package witness --bin witness ||
        cannot 'no binary for this host'
    witness=${CARGO_TARGET_DIR:-target}/release/witness
}

# BINARY ROOT: copies the libraries that it uses.
copy_libraries() {
    local library
    while read -r library; do
        install -D "$library" "$2$library"
    done < <(ldd "$1" | grep -o '/[^ ]*')
}

# MACHINE: sets $busybox to a static one.
fetch_busybox() {
    busybox=$kernels/busybox-$1
    [ -x "$busybox" ] && return
    fetch_package bookworm "$1" busybox-static
    unpack "$deb" "$kernels/unpacked" ./bin/busybox
    mv "$kernels/unpacked/bin/busybox" "$busybox"
    rm -r "$kernels/unpacked"
}

# NAME: sets $machine, $suite and $package.
look_up() {
    local row
    row=$(awk -v name="$1" '$1 == name { print $2, $3, $4 }' scripts/kernels/kernels.txt)
    case $row in
        ?*) read -r machine suite package <<< "$row" ;;
        *)
            [[ $1 =~ ^[0-9]+\.[0-9.]+$ ]] || cannot "no kernel $1; --list shows the names"
            machine=amd64 suite=trixie-backports package="linux-image-$1.*-amd64"
            ;;
    esac
}

# FILE...: whether the time of a guest was up before one of these documents was whole.
is_partial() { grep -qs '^  "partial": {' "$@"; }

# NAME RESULTS CLAIMS AGAIN: a kernel's documents; prints a line a user.
try_kernel() {
    local name=$1 results=$2 claims=$3 again=$4 work began status
    look_up "$name"
    need_room 1500
    need_programs "$machine"
    case $machine in
        arm64) build_witness arm64 ;;
        gvisor) build_witness_with_libraries ;;
        *) build_witness amd64 ;;
    esac
    if [ -z "$again" ] && [ "$results/$name-nobody.json" -nt "$witness" ] &&
        ! is_partial "$results/$name"-{root,nobody}.json; then
        report "$name" "$results" -
        return
    fi
    rm -f "$results/$name"-{root,nobody}.json "$results/$name.log"
    work=$kernels/guests/$name
    rm -rf "$work"
    mkdir -p "$work"
    began=$SECONDS
    # The log says what became of a guest that does not end well.
    set +e
    (set -e && "start_$machine" "$work" "$results/$name.log" "$claims")
    status=$?
    set -e
    [ -s "$results/$name.log" ] || return $((status ? status : 1))
    collect "$name" "$results"
    report "$name" "$results" $((SECONDS - began))
}

# WORK LOG CLAIMS: a Linux of Debian, emulated.
start_amd64() { start_debian amd64 "$@"; }
start_arm64() { start_debian arm64 "$@"; }
start_debian() {
    local machine=$1 work=$2 log=$3 claims=$4 module kernel
    fetch_busybox "$machine"
    unpack_kernel "$machine" "$work/package"
    # Word by word on purpose.
    # shellcheck disable=SC2086
    make_root "$work/root" "$witness" "$busybox" "$claims_limit" $claims
    # tcp_diag needs inet_diag: the order of their names is the order of loading.
    while read -r module; do
        cp "$module" "$work/root/modules/"
    done < <(find "$work/package" -name '*_diag.ko*')
    find "$work/root/modules" -name '*.xz' -exec xz -d {} +
    kernel=$(find "$work/package" -name 'vmlinuz*')
    [ -n "$kernel" ] || cannot "no kernel in $package of Debian $suite"
    pack_root "$work/root" "$work/initramfs"
    boot "$machine" "$kernel" "$work/initramfs" "$guest_limit" "$log"
}

# MACHINE FOLDER: the kernel and its modules that a claim wants. From 7.0 on Debian's linux-image is
# empty, and depends on a package with the kernel and one with the modules.
unpack_kernel() {
    local parts=('./boot/vmlinuz-*' './usr/lib/modules/*/vmlinuz' '*/inet_diag.ko*' '*/tcp_diag.ko*') image version part
    fetch_package "$suite" "$1" "$package"
    image=$deb version=${newest#linux-image-}
    unpack "$image" "$2" "${parts[@]}"
    for part in binary modules; do
        if [[ $(dpkg-deb --field "$image" Depends) == *"linux-$part-$version"* ]]; then
            fetch_package "$suite" "$1" "linux-$part-$version"
            unpack "$deb" "$2" "${parts[@]}"
        fi
    done
}

# WORK LOG CLAIMS: User-mode Linux, a Linux that runs as a program. It and its C library are those of
# one suite, so they get a root of their own; the guest's root is a folder below it.
start_uml() {
    local work=$1 log=$2 claims=$3 root=$1/host library
    fetch_busybox amd64
    fetch_package "$suite" amd64 "$package"
    unpack "$deb" "$root" ./usr/bin/linux.uml
    for library in libc6 libgcc-s1; do
        fetch_package "$suite" amd64 "$library"
        unpack "$deb" "$root" '*.so.*' './usr/lib*/ld-linux*'
    done
    mkdir -p "$root"/{proc,dev,tmp}
    ln -s usr/lib "$root/lib"
    [ -e "$root/usr/lib64" ] || mkdir "$root/usr/lib64"
    ln -sf ../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 "$root/usr/lib64/"
    ln -s usr/lib64 "$root/lib64"
    # shellcheck disable=SC2086
    make_root "$root/guest" "$witness" "$busybox" "$claims_limit" $claims
    # The mounts are in a namespace of their own, and end with it. $1 is the inner shell's.
    # shellcheck disable=SC2016
    timeout --kill-after=5 "$guest_limit" unshare --mount bash -euc '
        mount --rbind /proc "$1/proc"
        mount --rbind /dev "$1/dev"
        mount -t tmpfs tmp "$1/tmp"
        exec chroot "$1" /usr/bin/linux.uml mem=768M rootfstype=hostfs rootflags=/guest rw \
            init=/init uml_dir=/tmp con0=fd:0,fd:1 con=null
    ' uml "$root" < /dev/null 2>&1 | tr -d '\r' > "$log"
}

# WORK LOG CLAIMS: gVisor, which is no Linux: a kernel in Go that runs as a program. Its programs are
# those of this host, so that the witness has this host's libraries, and a claim looks for one.
start_gvisor() {
    local work=$1 log=$2 claims=$3 runsc
    fetch_busybox amd64
    fetch_package "$suite" amd64 "$package"
    unpack "$deb" "$work/package" './usr/bin/runsc'
    runsc=$work/package/usr/bin/runsc
    # shellcheck disable=SC2086
    make_root "$work/root" "$witness" "$busybox" "$claims_limit" $claims
    copy_libraries "$witness" "$work/root"
    timeout --kill-after=5 "$guest_limit" "$runsc" --root="$work/state" --network=none do \
        --root="$work/root" --cwd=/ /init < /dev/null 2>&1 | tr -d '\r' > "$log"
}

# NAME RESULTS: takes both documents out of the log.
collect() {
    local user
    for user in root nobody; do
        document_of "$2/$1.log" "$user" "$2/$1-$user.json" > /dev/null || :
    done
}

# NAME RESULTS SECONDS: a line a user. Fails where a claim was refuted or an error, or none was run.
report() {
    local user file bad=0 counts verdict
    for user in root nobody; do
        file=$2/$1-$user.json
        if ! [ -s "$file" ]; then
            printf '%-12s %-7s did not come so far: see %s\n' "$1" "$user" "$2/$1.log"
            bad=1
            continue
        fi
        counts=()
        for verdict in holds holds_with refuted not_measured error; do
            counts+=("$(grep -c "^      \"verdict\": \"$verdict\"" "$file" || :)")
        done
        printf '%-12s %-7s %6s %11s %8s %13s %6s %8s\n' "$1" "$user" "${counts[@]}" "$3"
        [ "${counts[2]}${counts[4]}" = 00 ] || bad=1
        if is_partial "$file"; then
            echo "             PARTIAL: the guest's time was up; run it while the machine does less"
            bad=1
        fi
    done
    return "$bad"
}
