#!/bin/sh
# Stands in for podman, which cannot run a container in every place that tests run in: does what the recipe asks of it with
# the image that it has really built, in namespaces of processes and mounts. The test says what is in the image: $ROOT, where it
# is, $USERSPEC, $VARIABLES, $ENTRYPOINT and $HEALTHCHECK.
set -eu
state=$HOME/podman
mkdir -p "$state"

# Runs this in the container.
enter() {
    exec nsenter -t "$(cat "$state/pid")" -p -m env -i $VARIABLES chroot --userspec="$USERSPEC" "$ROOT" "$@"
}

word=$1
shift
case "$word $*" in
"run -d --name simpd --network host -v simp:/var/lib/simp simp "*)
    shift 8
    # A new volume begins with what the image has there.
    [ -e "$state/volume" ] || cp -a "$ROOT/var/lib/simp" "$state/volume"
    mkdir -p "$ROOT/proc"
    mkfifo "$state/started"
    unshare --pid --fork --kill-child --mount sh -c '
        mount --bind "$0" "$ROOT/var/lib/simp" && mount -t proc proc "$ROOT/proc" &&
            exec env -i $VARIABLES chroot --userspec="$USERSPEC" "$ROOT" $ENTRYPOINT "$@"
    ' "$state/volume" "$@" >"$state/started" 2>"$state/errors" &
    unshare=$!
    # It is ready with its first line.
    IFS= read -r line <"$state/started"
    tr -d ' ' <"/proc/$unshare/task/$unshare/children" >"$state/pid"
    echo "$unshare" >"$state/unshare"
    rm "$state/started"
    echo "$line" >"$state/logs"
    ;;
"exec simpd "*) shift && enter "/usr/bin/$@" ;;
"exec -i simpd "*) shift 2 && enter "/usr/bin/$@" ;;
"healthcheck run simpd") enter $HEALTHCHECK ;;
"logs simpd") cat "$state/logs" "$state/errors" ;;
"stop simpd") kill -TERM $(cat "$state/pid") && tail -f --pid="$(cat "$state/unshare")" /dev/null ;;
"rm simpd") rm "$state/pid" "$state/unshare" ;;
*) echo "not in this recipe: podman $word $*" >&2 && exit 125 ;;
esac
