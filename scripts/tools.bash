# The programs that scripts/check runs: which of them are missing here, and what brings each.
# Sourced, not run.
#
# A row: name | the command that succeeds where it is there | the command that brings it | what it
# is for. `install_tools` runs the commands of apt-get, of `rustup component` and `rustup target`,
# and of `cargo install --locked mdbook`; others of cargo build for long, so they are only named.

required=(
    'cargo|cargo --version|see https://rustup.rs|everything'
    'rustfmt|cargo fmt --version|rustup component add rustfmt|everything'
    'clippy|cargo clippy --version|rustup component add clippy|everything'
    'cc|have cc|apt-get install gcc libc6-dev|everything'
)
optional=(
    'strace|have strace|apt-get install strace|the strace lessons and their tests'
    'setpriv|have setpriv|apt-get install util-linux|the steps as nobody'
    'shellcheck|have shellcheck|apt-get install shellcheck|the lints of the shell scripts'
    'cargo-deny|have cargo-deny|cargo install --locked cargo-deny|cargo deny check'
    'std for arm64|has_std aarch64-unknown-linux-gnu|rustup target add aarch64-unknown-linux-gnu|clippy for arm64'
    'chromium|have chromium|apt-get install chromium|the test of the page in a browser'
    'fish|have fish|apt-get install fish|its completions'
    'zsh|have zsh|apt-get install zsh|its completions'
    'mdbook|have mdbook|cargo install --locked mdbook --no-default-features|the build of the book'
)

have() { command -v "$1" > /dev/null; }

# TARGET: whether there is a standard library for this target.
has_std() { [ -d "$(rustc --print target-libdir --target "$1")" ]; }

# ROW...: those rows whose program is missing, a line each.
missing_rows() {
    local row probe
    for row; do
        IFS='|' read -r _ probe _ <<< "$row"
        # The probe is a command and its arguments, so it is split on purpose.
        # shellcheck disable=SC2086
        $probe > /dev/null 2>&1 || printf '%s\n' "$row"
    done
}

# COMMAND...: as root, through sudo where the caller is somebody else.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# ROW...: brings what apt-get and rustup bring quickly, and mdBook, which is built for some minutes.
# What fails is still missing afterwards.
install_tools() {
    local row command words updated=
    for row; do
        IFS='|' read -r _ _ command _ <<< "$row"
        case $command in
            'apt-get install '*)
                have apt-get || continue
                [ -n "$updated" ] || as_root apt-get update -qq || :
                updated=1
                install_packages "${command#apt-get install }" || :
                ;;
            'rustup component add '*)
                ! have rustup || rustup component add "${command##* }" || :
                ;;
            'rustup target add '*)
                ! have rustup || rustup target add "${command##* }" || :
                ;;
            'cargo install --locked mdbook '*)
                read -ra words <<< "$command"
                timeout 900 "${words[@]}" --quiet || :
                ;;
        esac
    done
}

# PACKAGES: Debian's packages of these names, with blanks between.
install_packages() {
    local packages
    read -ra packages <<< "$1"
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq -y --no-install-recommends "${packages[@]}" > /dev/null
}

# ROW...: one line each, for people.
list_tools() {
    local row name command purpose
    for row; do
        IFS='|' read -r name _ command purpose <<< "$row"
        printf '    %-10s  %-34s  for %s\n' "$name" "$command" "$purpose"
    done
}
