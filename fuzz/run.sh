#!/bin/sh
# Fuzzes the targets of this folder with libFuzzer, two at a time.
#
#   sh fuzz/run.sh [SECONDS [TARGET ...]]    each of them, or these, for so long (60)
#   sh fuzz/run.sh keep                      what was found so far that reaches more goes into the corpus, as small as it gets
#
# SIMP_SEED=n begins with the same inputs again; without it they are others each time.
#
# Needs Rust as it is, without nightly, and a C++ compiler. Inputs that reach something new stay in target/fuzz; one that
# breaks something is put into fuzz/found, and what replays it is printed.
set -eu
# libFuzzer ends the program where a backtrace would begin, and a replay has one.
export RUST_BACKTRACE=0
cd "$(dirname "$0")/.."

all='engine chat frame datagram'
host=$(rustc -vV | sed -n 's/^host: //p')
target=${CARGO_TARGET_DIR:-target}
programs=$target/$host/fuzz

# What `cargo fuzz` passes too, as far as it needs no nightly.
build() {
    flags='--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4'
    flags="$flags -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
    flags="$flags -Cllvm-args=-sanitizer-coverage-trace-compares"
    # With --target, build scripts and macros go without these flags.
    RUSTFLAGS=$flags cargo build --quiet --locked --profile fuzz --target "$host" -p simp-fuzz --bins
}

one() {
    name=$1 seconds=$2
    corpus=$target/fuzz/$name found=fuzz/found
    mkdir -p "$corpus" "$found" "fuzz/corpus/$name"
    # Where single bytes matter, also how near a comparison came.
    case $name in datagram | frame) near=1 ;; *) near=0 ;; esac
    # An input that takes longer than this, or takes so much memory, is found as well.
    if "$programs/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -max_len=2048 -len_control=10 -use_value_profile="$near" -seed="${SIMP_SEED:-0}" \
        -artifact_prefix="$found/$name-" "$corpus" "fuzz/corpus/$name" >"$corpus.log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$corpus.log")
        reached=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$corpus.log" | tail -n 1)
        echo "fuzz: $name: $runs inputs in $seconds s reach $reached places, and break nothing"
    else
        # Rust's message comes first, then libFuzzer's.
        grep -v '^#[0-9]\|^ *[0-9]*: \|^ *at ' "$corpus.log" | tail -n 30
        input=$(sed -n 's/.*Test unit written to //p' "$corpus.log" | tail -n 1)
        echo "fuzz: $name: broken; replay with: cargo run -p simp-fuzz --bin $name -- $input"
        return 1
    fi
}

keep() {
    for name in $all; do
        small=$(mktemp -d)
        "$programs/$name" -set_cover_merge=1 -use_counters=0 "$small" "fuzz/corpus/$name" "$target/fuzz/$name" >"$target/fuzz/$name.log" 2>&1
        rm -rf "fuzz/corpus/$name"
        mv "$small" "fuzz/corpus/$name"
    done
    du -sb fuzz/corpus/*
}

case ${1:-} in
--one)
    one "$2" "$3"
    ;;
keep)
    build
    keep
    ;;
*)
    seconds=${1:-60}
    [ $# = 0 ] || shift
    build
    # Those that take longest to find something first.
    printf '%s\n' "${@:-$all}" | tr ' ' '\n' | xargs -P 2 -I{} sh fuzz/run.sh --one {} "$seconds"
    ;;
esac
