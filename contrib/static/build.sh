#!/bin/sh
# Builds a simpctl that is linked statically with musl, and so starts in about half the time; prints where it is. No other
# program is built, nor what only others need.
#
#   sh contrib/static/build.sh          one to install
#   sh contrib/static/build.sh dev      the same unoptimised, for tests
#
# Needs Rust with this target, and a C compiler, but no musl: rustup target add x86_64-unknown-linux-musl
set -eu
cd "$(dirname "$0")/../.."
target=$(uname -m)-unknown-linux-musl
profile=${1:-small}
folder=$profile
[ "$profile" = small ] || folder=debug
# The C in it calls no library but by names that all have: those that distributions make of them are glibc's alone.
export TARGET_CC="${CC:-cc}" TARGET_CFLAGS='-U_FORTIFY_SOURCE'
# It has a fixed place in memory: there is nothing to fill in when it starts. What is only read is in one piece with what runs,
# so that there is less to map.
export RUSTFLAGS='-C relocation-model=static -C link-arg=-Wl,-z,noseparate-code'
cargo build --quiet --locked --profile "$profile" --target "$target" --no-default-features --bin simpctl >&2
echo "${CARGO_TARGET_DIR:-target}/$target/$folder/simpctl"
