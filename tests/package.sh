#!/bin/sh
# Builds the Debian package, installs it, uses what it has installed, upgrades, removes and purges it. The machine stays as it
# is: all that happens in a network and on file systems of its own, which are gone at the end.
#
#   sh tests/package.sh        needs root, dpkg and cargo-deb; tests/run.sh says what is missing
set -eu
cd "$(dirname "$0")/.."

failed() { echo "package: $*"; exit 1; }

# What a command prints on either output must be this, and its exit status that.
says() {
    status=$1 line=$2
    shift 2
    result=0
    said=$("$@" 2>&1 </dev/null) || result=$?
    [ "$result" = "$status" ] || failed "$*: exit status $result: $said"
    case $said in
        $line) ;;
        *) failed "$*: it says: $said" ;;
    esac
}

# All files of the system but what dpkg and man keep of every package.
files() {
    find /etc /usr /var \( -path /var/lib/dpkg -o -path /var/log -o -path /var/cache \) -prune -o -print | sort
}

# The value of a setting in the unit of the machine's simpd, as systemd would fill it in.
setting() { sed -n "s/^$1=//p" /usr/lib/systemd/system/simpd.service | sed 's,%S,/var/lib,g; s,%t,/run,g'; }

check_files() {
    for page in simpctl.1 simp-room.1 simp-web.1 simpd.toml.5 simp.7 simp-control.7 simp-secure.7 simpd.8; do
        gzip -t "/usr/share/man/man${page##*.}/$page.gz"
    done
    cmp -s /etc/simp/simpd.toml contrib/deb/simpd.toml || failed "the example of a configuration is another"
    bash -c '. /usr/share/bash-completion/completions/simpctl; complete -p simpctl' >/dev/null
    grep -q '^#compdef simpctl' /usr/share/zsh/vendor-completions/_simpctl
    grep -q '^complete -c simpctl' /usr/share/fish/vendor_completions.d/simpctl.fish
    [ -x /usr/lib/simp/notify ] || failed "nothing shows notifications"
    for program in simpctl simpd simp-room simp-web; do
        says 0 "$program *" "/usr/bin/$program" --version
    done
    case $libc in
        musl) says 1 '*not a dynamic executable*' ldd /usr/bin/simpctl ;;
        glibc) says 0 '*statically linked*' ldd /usr/bin/simpctl ;;
    esac
}

check_units() {
    [ -n "$(command -v systemd-analyze)" ] || { echo "skipped: systemd-analyze is not installed"; return 0; }
    # 20 is 2.0, which systemd calls OK.
    systemd-analyze security --offline=yes --threshold=20 --no-pager /usr/lib/systemd/system/simpd.service >/dev/null ||
        failed "the service is exposed"
    systemd-analyze verify --man=no /usr/lib/systemd/system/simpd.service
    mkdir -p /run/user/0
    XDG_RUNTIME_DIR=/run/user/0 systemd-analyze verify --user --man=no '/usr/lib/systemd/user/simpd@127.0.0.1.service' \
        /usr/lib/systemd/user/simp-notify.service /usr/lib/systemd/user/simp-web.service
}

# The simpd of the machine, with a user that has no name and folders behind links, as systemd makes them for it; and that of
# a user, as the unit of users starts it. They chat.
use() {
    mkdir -p /var/lib/private/simp /run/private/simpd
    chown 61184 /var/lib/private/simp /run/private/simpd
    chmod 700 /var/lib/private/simp /run/private/simpd
    chmod 711 /var/lib/private /run/private
    ln -s private/simp /var/lib/simp
    ln -s private/simpd /run/simpd
    env -i $(setting Environment) PATH=/nowhere "$(command -v setpriv)" --reuid 61184 --regid 61184 --clear-groups \
        $(setting ExecStart) --user nas --accept all --background >/dev/null
    export HOME=/root SIMP_DAEMON=127.0.0.2 XDG_RUNTIME_DIR=/run/user/0 XDG_STATE_HOME= XDG_CONFIG_HOME=
    mkdir -p /run/user/0
    says 0 'simpd: ready on 127.0.0.2:7780 as ann' simpctl start 127.0.0.2:7780 --user ann
    export SIMP_DAEMON=127.0.0.2:7780
    machine=/run/simpd/simp/0.0.0.0.sock
    says 0 'connected to nas@127.0.0.1:7777 (secure, *' simpctl connect 127.0.0.1
    says 0 '' simpctl send hello
    says 0 'ann: hello' simpctl -d $machine listen -n 1
    says 0 '' simpctl quit
    # Names are looked up by a program without libraries too.
    says 1 '*127.0.0.1:9: nobody listens there*' simpctl connect localhost:9
    case $libc in
        musl)
            says 1 '*127.0.0.1:9: nobody listens there*' env PATH=/nowhere /usr/bin/simpctl connect localhost.:9
            says 7 'simpctl: no-such-host.invalid: its name cannot be looked up now (does DNS work here?)' \
                simpctl connect no-such-host.invalid
            ;;
        glibc)
            says 7 'simpctl: no-such-host.invalid: unknown host' simpctl connect no-such-host.invalid
            # By another program: its own glibc would load libraries of the system, and might crash in them.
            says 7 'simpctl: localhost.: unknown host' env PATH=/nowhere /usr/bin/simpctl connect localhost.
            ;;
    esac
    says 0 '' simpctl stop
    says 0 '' simpctl -d $machine stop
}

inside() {
    package=$1 libc=$2
    ip link set lo up
    mkdir -p /var/lib/private
    files >/run/before
    says 0 '*' dpkg -i "$package"
    check_files
    check_units
    use
    [ -f /var/lib/private/simp/simp/0.0.0.0/log.db ] || failed "the simpd of the machine keeps its log elsewhere"

    # An upgrade leaves what the administrator has changed.
    echo '# changed' >>/etc/simp/simpd.toml
    says 0 '*' dpkg -i "$package"
    grep -q '# changed' /etc/simp/simpd.toml || failed "an upgrade has changed the configuration"

    says 0 '*' dpkg -r simp
    [ ! -e /usr/bin/simpctl ] || failed "a program is still there"
    [ -f /var/lib/private/simp/simp/0.0.0.0/log.db ] || failed "the log has gone before a purge"
    says 0 '*' dpkg -P simp
    files >/run/after
    diff /run/before /run/after >/run/traces || failed "left behind: $(cat /run/traces)"
    [ -f /root/.local/state/simp/127.0.0.2:7780/log.db ] || failed "what is the user's has gone"
    echo "installed, used, upgraded, removed and purged"
}

if [ "${1-}" = --inside ]; then
    inside "$2" "$3"
    exit
fi

disk=$(mktemp -d)
trap 'rmdir "$disk"' EXIT
# Changes to a folder go to memory, and whatever runs ends with this.
own() { unshare --mount --net --pid --fork --kill-child --mount-proc sh -euc "$@"; }
own '
    mount -t tmpfs tmpfs "$1"
    mkdir "$1/up" "$1/work"
    mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/up,workdir=$1/work" /etc
' sh "$disk" 2>/dev/null || { echo "skipped: this machine gives nobody file systems of their own"; exit 0; }

package=$PWD/$(sh contrib/deb/build.sh dev)
# What that has linked simpctl with.
libc=glibc
[ -d "$(rustc --print target-libdir --target "$(uname -m)-unknown-linux-musl")" ] && libc=musl
own '
    disk=$1 script=$2 package=$3 libc=$4
    mount -t tmpfs tmpfs "$disk"
    for folder in etc usr var root; do
        mkdir -p "$disk/$folder/up" "$disk/$folder/work"
        mount -t overlay overlay -o "lowerdir=/$folder,upperdir=$disk/$folder/up,workdir=$disk/$folder/work" "/$folder"
    done
    mount -t tmpfs tmpfs /run
    exec sh "$script" --inside "$package" "$libc"
' sh "$disk" tests/package.sh "$package" "$libc"
