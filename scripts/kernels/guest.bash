# A guest: a kernel and an initramfs with nothing but the static witness and busybox, in an emulator.
# Sourced, not run. Wants: $home, the workspace.
#
# The guest runs the claims as root and as nobody, and prints each document to its console, packed and
# with a frame around it, since a kernel may print in between.

# FOLDER WITNESS BUSYBOX SECONDS ARGUMENT...: the root of a guest that runs `witness run ARGUMENT...`.
make_root() {
    local root=$1 binary=$2 busybox=$3 seconds=$4
    shift 4
    mkdir -p "$root"/{bin,dev,etc,modules,proc,root,run,sys,tmp,var/tmp}
    cp "$binary" "$root/bin/witness"
    cp "$busybox" "$root/bin/busybox"
    # Files of many sizes, of which one claim asks how much their last pages leave empty.
    mkdir -p "$root/usr/src"
    tar -C "$home" -cf - crates | tar -C "$root/usr/src" -xf -
    printf 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' > "$root/etc/passwd"
    printf 'root:x:0:\nnogroup:x:65534:\n' > "$root/etc/group"
    printf '%s\n' "$seconds" > "$root/etc/seconds"
    printf '%s\n' "$*" > "$root/etc/arguments"
    cat > "$root/init" << 'INIT'
#!/bin/busybox sh
# The guest's first process.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2> /dev/null
mkdir -p /dev/shm
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t tmpfs -o mode=1777 tmp /tmp
mount -t tmpfs -o mode=1777 tmp /var/tmp
mount -t tracefs tracefs /sys/kernel/tracing 2> /dev/null
for module in /modules/*.ko; do
    [ -e "$module" ] && insmod "$module" 2>&1
done
# How long the kernel lets a thread run on that asks for it: 5 us are too short for an emulator.
mount -t debugfs debug /sys/kernel/debug 2> /dev/null
[ ! -e /sys/kernel/debug/rseq ] || echo 50000 > /sys/kernel/debug/rseq/slice_ext_nsec
ip link set lo up
cd /tmp
export TMPDIR=/tmp
read -r seconds < /etc/seconds
read -r arguments < /etc/arguments
echo "=== guest $(uname -r) $(cut -d' ' -f1 /proc/uptime)"
for user in root nobody; do
    command="timeout $seconds /bin/witness run --json $arguments"
    if [ "$user" = root ]; then
        $command > "/run/$user.json" 2> "/run/$user.log"
    else
        su nobody -c "$command" > "/run/$user.json" 2> "/run/$user.log"
    fi
    status=$?
    echo "=== begin $user"
    gzip -c "/run/$user.json" | base64
    echo "=== end $user $status"
    sed 's/^/=== said /' "/run/$user.log"
done
echo "=== done $(cut -d' ' -f1 /proc/uptime)"
# A kernel without ACPI, and User-mode Linux, halt by sysrq.
poweroff -f
echo o > /proc/sysrq-trigger
INIT
    chmod 755 "$root/init"
}

# ROOT FILE: packs the root of a guest as an initramfs.
pack_root() {
    (cd "$1" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1 > "$2"
}

# MACHINE KERNEL INITRAMFS SECONDS LOG: boots it, and waits until it has ended or the time is over.
# The emulator never uses the processor's own virtualisation: every machine gets the same guest.
boot() {
    local -a machine
    case $1 in
        amd64) machine=(qemu-system-x86_64 -machine q35 -cpu max -append
            'console=ttyS0 rdinit=/init loglevel=4 panic=-1 oops=panic') ;;
        arm64) machine=(qemu-system-aarch64 -machine virt -cpu 'max,pauth-impdef=on' -append
            'console=ttyAMA0 rdinit=/init loglevel=4 panic=-1 oops=panic') ;;
    esac
    timeout --kill-after=5 "$4" "${machine[@]}" -accel tcg,thread=multi -nic none -m 1024 -smp 2 \
        -nographic -no-reboot -kernel "$2" -initrd "$3" < /dev/null 2>&1 | tr -d '\r' > "$5"
}

# LOG USER FILE: takes a document out of a guest's log; prints the status it ended with. Fails where
# the guest did not come so far.
document_of() {
    local status
    status=$(sed -n "s/^=== end $2 //p" "$1")
    [ -n "$status" ] || return 1
    sed -n "/^=== begin $2\$/,/^=== end $2 /p" "$1" | grep -E '^[A-Za-z0-9+/=]+$' |
        base64 -d 2> /dev/null | gzip -dc > "$3" 2> /dev/null || return 1
    echo "$status"
}
