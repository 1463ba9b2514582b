#!/bin/sh
# Two hosts chat: builds simp, starts two daemons in a temporary folder, and lets them exchange the lines of a
# text file both ways. Shows every command and its output, verifies what arrived, and leaves nothing running.
# With --keep the daemons stay up, and the script says how to talk to them.
set -eu
cd "$(dirname "$0")/.."
. examples/begin.sh

alice=127.0.0.1
bob=127.0.0.2
letter=$PWD/README.md

stop_all() {
    for daemon in $alice $bob; do
        simpctl -d $daemon stop >/dev/null 2>&1 || true
    done
}

how_to_go_on() {
    cat <<TEXT
The daemons are still up. To talk to them:
  export XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR XDG_STATE_HOME=$XDG_STATE_HOME PATH=$programs:\$PATH
  simpctl -d $alice connect $bob &
  simpctl -d $bob accept
  simpctl -d $alice send hello
  simpctl -d $bob listen
To stop them and leave nothing behind:
  simpctl -d $alice stop && simpctl -d $bob stop && rm -r $folder
TEXT
}

run simpd $alice --user alice --background
run simpd $bob --user bob --background

echo
echo "# Alice invites Bob, in the background; Bob sees the request and accepts."
echo "\$ simpctl -d $alice connect $bob &"
simpctl -d $alice connect $bob &
connecting=$!
run simpctl -d $bob listen --all -n 1 --timeout 10
run simpctl -d $bob requests
run simpctl -d $bob accept
wait $connecting

echo
echo "# A message each way."
run simpctl -d $alice send "Hello Bob"
run simpctl -d $bob listen -n 1 --timeout 10
run simpctl -d $bob send "Hello Alice"
run simpctl -d $alice listen -n 1 --timeout 10
run simpctl -d $bob chats

# Sends the lines of the letter from one to the other and compares what arrived. Empty lines are not sent.
exchange() {
    grep -v '^$' "$letter" >"$folder/sent"
    lines=$(wc -l <"$folder/sent")
    echo "\$ simpctl -d $1 send < README.md"
    simpctl -d "$1" send <"$letter"
    echo "\$ simpctl -d $2 listen --text -n $lines --timeout 60 > received"
    simpctl -d "$2" listen --text -n "$lines" --timeout 60 >"$folder/received"
    cmp "$folder/sent" "$folder/received"
    echo "$lines lines sent, the same $lines lines received."
}

echo
echo "# The lines of a text file, from Alice to Bob, and from Bob to Alice."
exchange $alice $bob
exchange $bob $alice

echo
echo "# Nothing is left to read, and the exit status says so."
echo "\$ simpctl -d $bob listen -n 1 --timeout 0.2 || echo none"
simpctl -d $bob listen -n 1 --timeout 0.2 || echo none

echo
run simpctl -d $alice quit
run simpctl -d $bob history -n 3
