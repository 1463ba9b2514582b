#!/bin/sh
# Two members in a room: builds simp, starts a room and two members in a temporary folder, and lets them talk to
# everybody and to each other. Shows every command and its output, verifies what arrived, and leaves nothing running.
# With --keep everything stays up, and the script says how to continue.
set -eu
cd "$(dirname "$0")/.."
. examples/begin.sh

lobby=127.0.0.3
alice=127.0.0.1
bob=127.0.0.2
room=closed

stop_all() {
    stopped=0
    if [ $room = open ]; then
        simp-room stop >/dev/null || stopped=1
    fi
    for daemon in $lobby $alice $bob; do
        simpctl -d $daemon stop >/dev/null 2>&1 || true
    done
    return $stopped
}

how_to_go_on() {
    cat <<TEXT
The room is still open, and Alice is in it. To continue:
  export XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR XDG_STATE_HOME=$XDG_STATE_HOME PATH=$programs:\$PATH
  simpctl -d $bob connect $lobby && simpctl -d $bob send builder
  simpctl -d $bob send "hello again"
  simpctl -d $alice listen
  simp-room who
To stop everything and leave nothing behind:
  simp-room stop; for d in $lobby $alice $bob; do simpctl -d \$d stop; done; rm -r $folder
TEXT
}

# Shows the next line that a member receives, and checks it.
hears() {
    echo "\$ simpctl -d $1 listen -n 1"
    line=$(simpctl -d "$1" listen -n 1 --timeout 20)
    echo "$line"
    if [ "$line" != "lobby: $2" ]; then
        echo "expected: lobby: $2" >&2
        exit 1
    fi
}

run simpd $lobby --user lobby --accept all --max-chats 10 --background
run simpd $alice --user alice --background
run simpd $bob --user bob --background

echo
echo "# Bob has an account in an older chat, which keeps its accounts in a JSON file."
echo '{"bob": "builder"}' >"$folder/users.json"
run cat "$folder/users.json"
run simp-room users import "$folder/users.json"

echo
echo "# The room starts in the background. Alice is new and chooses a password."
run simp-room run -d $lobby --background
room=open
run simpctl -d $alice connect $lobby
hears $alice "Welcome to lobby, alice. You are new here: choose a password."
run simpctl -d $alice send "open sesame"
hears $alice "Please enter it once more."
run simpctl -d $alice send "open sesame"
hears $alice "You are in lobby. Here: nobody. (HELP lists the commands.)"

echo
echo "# Bob has an account already."
run simpctl -d $bob connect $lobby
hears $bob "Welcome to lobby, bob. Your password?"
run simpctl -d $bob send builder
hears $bob "You are in lobby. Here: alice. (HELP lists the commands.)"
hears $alice "* bob joined"

echo
echo "# A public message and a direct one."
run simpctl -d $alice send "Hello everybody"
hears $alice "sent to 1"
hears $bob "[alice] Hello everybody"
run simpctl -d $bob send "DM alice Good to see you"
hears $bob "sent to alice"
hears $alice "[bob -> you] Good to see you"

echo
echo "# What the operator sees and says."
run simp-room who
run simp-room topic "Plans for Friday"
hears $alice "* topic: Plans for Friday"
hears $bob "* topic: Plans for Friday"
run simp-room status

echo
echo "# Bob leaves."
run simpctl -d $bob send EX
hears $bob goodbye
hears $alice "* bob left"
