#!/bin/sh
# Stands in for podman, which cannot run a container in every place that tests run in: does what the recipe asks of podman with
# the image that was built, in namespaces of processes and mounts. The test says what the image is: where it is mounted, $ROOT,
# and of its description $USERSPEC, $VARIABLES, $ENTRYPOINT and $HEALTHCHECK.
set -eu
state=$HOME/podman
mkdir -p "$state"

# The only child of a process.
child() {
    tr -d ' ' <"/proc/$1/task/$1/children"
}

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
    {
        status=0
        unshare --pid --fork --kill-child --mount sh -c '
            mount --bind "$0" "$ROOT/var/lib/simp" && mount -t proc proc "$ROOT/proc" &&
                exec env -i $VARIABLES chroot --userspec="$USERSPEC" "$ROOT" $ENTRYPOINT "$@"
        ' "$state/volume" "$@" >"$state/started" 2>"$state/errors" || status=$?
        echo "$status" >"$state/status"
    } >/dev/null 2>&1 </dev/null &
    echo $! >"$state/runs"
    # It is ready with its first line.
    head -n 1 "$state/started" >"$state/logs"
    rm "$state/started"
    child "$(cat "$state/runs")" >"$state/unshare"
    child "$(cat "$state/unshare")" >"$state/pid"
    ;;
"exec simpd "*) shift && enter "/usr/bin/$@" ;;
"exec -i simpd "*) shift 2 && enter "/usr/bin/$@" ;;
"healthcheck run simpd") enter $HEALTHCHECK ;;
"logs simpd") cat "$state/logs" "$state/errors" ;;
"stop simpd")
    kill -TERM "$(cat "$state/pid")"
    tail -f --pid="$(cat "$state/runs")" /dev/null
    exit "$(cat "$state/status")"
    ;;
"rm simpd") rm "$state/pid" "$state/unshare" ;;
*) echo "not in this recipe: podman $word $*" >&2 && exit 125 ;;
esac
