#!/bin/sh
# Builds the Debian package, and prints where it is. What is in it is in Cargo.toml, [package.metadata.deb].
#
#   sh contrib/deb/build.sh          a package to install
#   sh contrib/deb/build.sh dev      the same from unoptimised programs, for tests
#
# Needs Rust, a C compiler and cargo-deb: cargo install --locked cargo-deb
set -eu
cd "$(dirname "$0")/../.."
# Before minutes of building.
cargo deb --version >/dev/null 2>&1 || {
    echo "build.sh: cargo-deb is missing (install it: cargo install --locked cargo-deb)" >&2
    exit 1
}
profile=${1:-release}
folder=$profile
[ "$profile" = release ] || folder=debug
built=${CARGO_TARGET_DIR:-target}/$folder

# What is packed is gathered here, wherever cargo builds. Standard output is the name of the package alone.
rm -rf target/deb
mkdir -p target/deb
cargo build --quiet --locked --profile "$profile" --bins >&2
for program in simpd simp-room simp-web; do
    cp "$built/$program" target/deb/
done
# simpctl is started for each message, and a program that loads no libraries starts faster.
musl=$(uname -m)-unknown-linux-musl
if [ -d "$(rustc --print target-libdir --target "$musl")" ] || timeout 120 rustup target add "$musl" >/dev/null 2>&1; then
    small=small
    [ "$profile" = release ] || small=$profile
    simpctl=$(sh contrib/static/build.sh "$small")
else
    echo "build.sh: simpctl is linked with glibc, and starts slower than with musl (rustup target add $musl)" >&2
    # Only what is linked at the end is told so: nothing else is built again.
    cargo rustc --quiet --locked --profile "$profile" --features getent --bin simpctl -- -C target-feature=+crt-static >&2
    simpctl=$built/simpctl
fi
cp "$simpctl" target/deb/simpctl
strip target/deb/*
for shell in bash zsh fish; do
    target/deb/simpctl completions "$shell" >"target/deb/simpctl.$shell"
done
version=$(target/deb/simpctl --version)
cat >target/deb/changelog <<END
simp (${version#simpctl }-1) unstable; urgency=medium

  * What has changed is in CHANGELOG.md.

 -- The simp maintainers <simp@localhost>  $(date -R)
END
cargo deb --quiet --no-build --no-strip --output target/deb/
