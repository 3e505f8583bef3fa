# Packages of Debian, of any suite and machine, without touching what this host has installed: an
# index and a cache of their own, checked against Debian's signatures.
# Sourced, not run. Wants: $packages, a folder for all of it.

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

# SUITE MACHINE: the options that keep apt to a folder of its own; fetches the index once a day.
use_suite() {
    local folder=$packages/index/$1-$2 log
    apt_options=(
        -o Dir::State="$folder" -o Dir::State::lists="$folder/lists"
        -o Dir::State::status="$folder/status" -o Dir::Cache="$folder"
        -o Dir::Etc::sourcelist="$folder/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o Dir::Etc::preferencesparts=/dev/null -o APT::Architecture="$2" -o APT::Architectures="$2"
        -o Acquire::Languages=none -o APT::Sandbox::User=
    )
    [ -r "$keyring" ] || cannot "$keyring is missing (apt-get install debian-archive-keyring)"
    mkdir -p "$folder/lists/partial" "$folder/archives/partial"
    [ -z "$(find "$folder/fetched" -mmin -1440 2> /dev/null)" ] || return 0
    : > "$folder/status"
    echo "deb [signed-by=$keyring] $mirror $1 main" > "$folder/sources.list"
    if ! log=$(apt-get "${apt_options[@]}" -qq update 2>&1); then
        cannot "no index of Debian $1 for $2: $log"
    fi
    touch "$folder/fetched"
}

# SUITE MACHINE PATTERN: sets $deb to the file of the newest package of that name, and $newest to it.
fetch_package() {
    local names name version best
    newest=''
    use_suite "$1" "$2"
    mapfile -t names < <(apt-cache "${apt_options[@]}" pkgnames "${3%%\**}" |
        while read -r name; do
            # The third word is a pattern on purpose.
            # shellcheck disable=SC2254
            case $name in *-cloud-* | *-rt-*) ;; $3) echo "$name" ;; esac
        done)
    for name in "${names[@]}"; do
        version=$(apt-cache "${apt_options[@]}" show --no-all-versions "$name" |
            sed -n 's/^Version: //p')
        if [ -z "$newest" ] || dpkg --compare-versions "$version" gt "$best"; then
            newest=$name best=$version
        fi
    done
    [ -n "$newest" ] || cannot "Debian $1 has no package $3 for $2 (any more)"
    mkdir -p "$packages/files"
    deb=$packages/files/${newest}_${best//:/%3a}_$2.deb
    [ -s "$deb" ] || fetch_file "$newest"
}

# PACKAGE: brings its file to $deb.
fetch_file() {
    local folder log
    mkdir -p "$packages"
    folder=$(mktemp -d "$packages/download-XXXXXX")
    if ! log=$(cd "$folder" && apt-get "${apt_options[@]}" -qq download "$1" 2>&1); then
        rm -rf "$folder"
        cannot "the package $1 does not come: $log"
    fi
    mv "$folder"/*.deb "$deb"
    rm -rf "$folder"
}

# DEB FOLDER PATTERN...: unpacks the files of a package that fit the patterns, if there are any.
unpack() {
    local file=$1 folder=$2
    shift 2
    mkdir -p "$folder"
    # tar fails where one of the patterns fits nothing; who needs a file looks for it.
    dpkg-deb --fsys-tarfile "$file" | tar -C "$folder" -xf - --wildcards "$@" 2> /dev/null || :
}
