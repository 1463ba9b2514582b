#!/bin/sh
# Builds the image "simp" with podman, buildah or docker.
#
#   sh contrib/container/build.sh             from these sources
#   sh contrib/container/build.sh FOLDER      with the simpd and simpctl in FOLDER
set -eu
here=$(cd "$(dirname "$0")" && pwd)

if [ $# = 0 ]; then
    (cd "$here/../.." && cargo build --release --locked --bin simpd --bin simpctl)
    programs=${CARGO_TARGET_DIR:-$here/../../target}/release
else
    programs=$1
fi

folder=$(mktemp -d "${TMPDIR:-/tmp}/simp-container.XXXXXX")
trap 'rm -r "$folder"' EXIT
# Whatever the umask here is, the user of the container must be able to read it.
umask 022
root=$folder/root
mkdir -p "$root/etc" "$root/usr/bin" "$root/var/lib" "$folder/state/simp"
chmod 755 "$folder"
chmod 700 "$folder/state/simp"
echo 'simp:x:7777:7777:simp:/var/lib/simp:/usr/sbin/nologin' >"$root/etc/passwd"
echo 'simp:x:7777:' >"$root/etc/group"
# Names of hosts: as everywhere, /etc/hosts first.
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
for program in simpd simpctl; do
    cp "$programs/$program" "$root/usr/bin/"
    # A program that is linked statically has none.
    for library in $(ldd "$programs/$program" 2>/dev/null | grep -o '/[^ ]*'); do
        mkdir -p "$root$(dirname "$library")"
        cp -L "$library" "$root$library"
    done
done

cp "$here/Containerfile" "$folder"
if command -v podman >/dev/null; then
    podman build --layers=false --format docker --tag simp "$folder"
elif command -v buildah >/dev/null; then
    buildah build --layers=false --format docker --tag simp "$folder"
elif command -v docker >/dev/null; then
    docker build --file "$folder/Containerfile" --tag simp "$folder"
else
    echo "build.sh: none of podman, buildah and docker is installed" >&2
    exit 1
fi
