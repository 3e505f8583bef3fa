# The frame of every strace-NAME lesson; sourced, not run.
#
# A lesson sets: claim (what runs), calls (strace's filter; prctl is added, since each arm names
# its process and so marks its beginning), drop (a pattern of lines that do not belong to the
# lesson), and rules: lines of `pattern<TAB>explanation`. In each arm an explanation is printed
# once, above the first line that matches; of several rules that match, the first that has not been
# used. It may set options (more for strace) and define prepare (a filter that the raw trace goes
# through first). Then it calls `lesson "$@"`.

options=()
prepare() { cat; }

usage() { # the header comment of the lesson, without its first line
    awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"
}

fail() {
    echo "${0##*/}: $1" >&2
    exit 2
}

# Puts `<unfinished ...>` calls together again, keeps the lesson's lines and explains them.
annotate() {
    awk -v drop="$drop" -v rules="$rules" '
        BEGIN {
            count = split(rules, line, "\n")
            for (i = 1; i <= count; i++)
                if (tab = index(line[i], "\t")) {
                    pattern[++known] = substr(line[i], 1, tab - 1)
                    text[known] = substr(line[i], tab + 1)
                }
        }
        / <unfinished \.\.\.>$/ {
            sub(/ *<unfinished \.\.\.>$/, "")
            pending[$1] = $0
            next
        }
        / <\.\.\. [a-z0-9_]+ resumed>/ {
            sub(/^.* resumed>/, pending[$1] "\001")
            sub(/ *\001 */, "")
            $0 = $0
        }
        /prctl\(PR_SET_NAME, "(experiment|control)"/ {
            arm = /"experiment"/ ? "EXPERIMENT" : "CONTROL"
            delete told
            printf "\n%s\n", arm
        }
        !arm || /^[0-9]+ +(---|\+\+\+|prctl)/ || (drop != "" && $0 ~ drop) { next }
        {
            for (i = 1; i <= known; i++)
                if (!told[i] && $0 ~ pattern[i]) {
                    told[i] = 1
                    printf "  # %s\n", text[i]
                    break
                }
            sub(/ +=/, " =")
            print "    " $0
        }'
}

lesson() {
    case "${1-}" in
        "") ;;
        -h | --help) usage; exit 0 ;;
        *) fail "unknown argument '$1'; see -h" ;;
    esac
    command -v strace > /dev/null || fail "strace is missing; install it (Debian: apt-get install strace)"

    local root scratch status=0
    root=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
    scratch=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf '$scratch'" EXIT
    strace -o "$scratch/probe" true 2> "$scratch/refused" ||
        fail "strace may not trace here: $(tail -n 1 "$scratch/refused")
allow ptrace (in a container: --cap-add SYS_PTRACE), or see /proc/sys/kernel/yama/ptrace_scope"

    # WITNESS_BIN names the folder of built binaries; without it they are built.
    local bin=${WITNESS_BIN:-}
    if [ -z "$bin" ]; then
        cargo build --quiet --release --manifest-path "$root/Cargo.toml" -p witness ||
            fail "cargo could not build witness"
        bin=${CARGO_TARGET_DIR:-$root/target}/release
    fi
    [ -x "$bin/witness" ] || fail "$bin/witness is no program; build it or unset WITNESS_BIN"

    strace -f -qq "${options[@]}" -e trace="$calls,prctl" -o "$scratch/trace" \
        "$bin/witness" run "$claim" > "$scratch/told" 2>&1 || status=$?
    echo "\$ strace -f -e trace=$calls witness run $claim"
    prepare < "$scratch/trace" | annotate
    echo
    cat "$scratch/told"
    exit "$status"
}
