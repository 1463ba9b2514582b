#!/bin/sh
# A room with three doors: builds simp, starts a NATS server, three simpds with a door of the room on each, and a member
# at each door. They talk as if it were one room; one door is killed and comes back. Shows every command and its output,
# verifies what arrived, and leaves nothing running. Needs nats-server, which it installs if root runs it on Debian.
# With --keep everything stays up, and the script says how to continue.
set -eu
cd "$(dirname "$0")/.."
# Debian has servers where only root looks for programs.
PATH=$PATH:/usr/sbin
install='apt-get install --no-install-recommends nats-server'
if ! command -v nats-server >/dev/null; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "$0: nats-server is not installed (as root: $install)" >&2
        exit 1
    fi
    echo "\$ $install"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive $install -qq >/dev/null
    # The package starts a server for the whole machine; this example has one of its own.
    if [ -d /run/systemd/system ]; then
        systemctl --quiet disable --now nats-server
    fi
fi
. examples/begin.sh

server=127.0.0.10 port=14222
north=127.0.0.3 east=127.0.0.4 south=127.0.0.5
alice=127.0.0.11 bob=127.0.0.12 carol=127.0.0.13
doors=

# Runs a command on one of the three hosts, and shows which. Three hosts have folders of their own anyway; those that are
# played here are given them.
on() {
    host=$1
    shift
    printf '%s' "$host"
    (
        export XDG_RUNTIME_DIR="$folder/$host/run" XDG_STATE_HOME="$folder/$host/state"
        run "$@"
    )
}

stop_all() {
    stopped=0
    for host in $doors; do
        on $host simp-room stop >/dev/null || stopped=1
    done
    for host in north east south; do
        eval daemon=\$$host
        on $host simpctl -d "$daemon" stop >/dev/null 2>&1 || true
    done
    for daemon in $alice $bob $carol; do
        simpctl -d $daemon stop >/dev/null 2>&1 || true
    done
    if [ -e "$folder/nats.pid" ]; then
        kill "$(cat "$folder/nats.pid")" && wait || stopped=1
    fi
    return $stopped
}

how_to_go_on() {
    cat <<TEXT
The room is still open, and everybody is in it. To continue:
  export XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR XDG_STATE_HOME=$XDG_STATE_HOME PATH=$programs:\$PATH
  simpctl -d $alice send "hello again"
  simpctl -d $carol listen
  XDG_RUNTIME_DIR=$folder/south/run XDG_STATE_HOME=$folder/south/state simp-room doors
To stop everything and leave nothing behind:
  for h in $doors; do XDG_RUNTIME_DIR=$folder/\$h/run XDG_STATE_HOME=$folder/\$h/state simp-room stop; done
  for h in north:$north east:$east south:$south; do
      XDG_RUNTIME_DIR=$folder/\${h%:*}/run XDG_STATE_HOME=$folder/\${h%:*}/state simpctl -d \${h#*:} stop
  done
  for d in $alice $bob $carol; do simpctl -d \$d stop; done
  kill \$(cat $folder/nats.pid) && rm -r $folder
TEXT
}

fail() {
    echo "$1" >&2
    exit 1
}

# Shows what a member receives, up to this line. Only news may come before it, and is shown too.
hears() {
    echo "\$ simpctl -d $1 listen -n 1"
    line=
    while [ "$line" != "lobby: $2" ]; do
        line=$(simpctl -d "$1" listen -n 1 --timeout 20) || fail "expected: lobby: $2"
        echo "$line"
        case $line in
            "lobby: $2" | 'lobby: * '*) ;;
            *) fail "expected: lobby: $2" ;;
        esac
    done
}

# Everybody else hears what somebody says to all, and the sender is told how many that are.
says() {
    run simpctl -d "$1" send "$3"
    hears "$1" "sent to 2"
    for other in $alice $bob $carol; do
        [ "$other" = "$1" ] || hears "$other" "[$2] $3"
    done
}

# Opens the door of a host.
opens() {
    eval daemon=\$"$1"
    on "$1" simp-room run --open --nats nats://$server:$port --door "$1" -d "$daemon" --background
}

# Shows what a command prints on a host, and that this many of its lines have this in them.
shows() {
    count=$1 what=$2
    shift 2
    on "$@" | tee "$folder/shown"
    [ "$(sed 1d "$folder/shown" | grep -c "$what")" = "$count" ] || fail "expected $count lines with $what"
}

echo "# What is between the doors: a NATS server with JetStream."
nats="nats-server --jetstream --addr $server --port $port --store_dir $folder/nats"
echo "\$ $nats &"
$nats --pid "$folder/nats.pid" --log "$folder/nats.log" &
tries=0
until grep -qs 'Server is ready' "$folder/nats.log"; do
    tries=$((tries + 1))
    [ $tries -le 100 ] || fail "the server does not start: $(cat "$folder/nats.log")"
    sleep 0.1
done

echo
echo "# Three hosts, each with a simpd and a door of the room."
for host in north east south; do
    mkdir -p "$folder/$host"
    mkdir -m 700 "$folder/$host/run"
    eval daemon=\$$host
    on $host simpd "$daemon" --user lobby --accept all --max-chats 10 --background
    opens $host
    doors="$doors $host"
done

echo
echo "# A member comes in at each door, and sees those at the others."
run simpd $alice --user alice --background
run simpctl -d $alice connect $north
hears $alice "You are in lobby. Here: nobody. (HELP lists the commands.)"
run simpd $bob --user bob --background
run simpctl -d $bob connect $east
hears $bob "You are in lobby. Here: alice. (HELP lists the commands.)"
hears $alice "* bob joined"
run simpd $carol --user carol --background
run simpctl -d $carol connect $south
hears $carol "You are in lobby. Here: alice, bob. (HELP lists the commands.)"
hears $alice "* carol joined"
hears $bob "* carol joined"

echo
echo "# What one says, all hear, and a direct message only its receiver."
says $alice alice "Hello from the north"
says $carol carol "And from the south"
run simpctl -d $bob send "DM carol Good to see you"
hears $bob "sent to carol"
hears $carol "[bob -> you] Good to see you"
run simpctl -d $bob send WHO
hears $bob "here: you, alice, carol"

echo
echo "# An operator is at any door."
on south simp-room topic "Plans for Friday"
for member in $alice $bob $carol; do
    hears $member "* topic: Plans for Friday"
done
shows 3 here north simp-room doors
shows 3 here east simp-room status --all

echo
echo "# The door in the east is killed. Its members are still in, and miss nothing."
pid=$(sed -n 2p "$folder/east/state/simp-room/lobby/lock")
doors='north south'
run kill -9 "$pid"
run simpctl -d $alice send "Is somebody in the east?"
hears $alice "sent to 2"
hears $carol "[alice] Is somebody in the east?"
run simpctl -d $bob send "I am"
opens east
doors='north east south'
hears $bob "[alice] Is somebody in the east?"
hears $bob "sent to 2"
for member in $alice $carol; do
    hears $member "[bob] I am"
done

echo
echo "# Bob leaves."
run simpctl -d $bob send EX
hears $bob goodbye
hears $alice "* bob left"
