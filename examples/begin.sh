# What the examples begin with; they source it in the folder of the repository. Builds simp, and gives it a temporary
# folder to live in. An example defines two functions before it starts anything: `stop_all` ends what it has started,
# `how_to_go_on` says what to type if all of it stays up.

keep=no
case "${1:-}" in
    '') ;;
    --keep) keep=yes ;;
    *) echo "usage: sh $0 [--keep]" >&2; exit 2 ;;
esac

# Where simp was built without optimising it, that is good enough: SIMP_PROFILE=dev.
case "${SIMP_PROFILE:-release}" in
    dev) option= profile=debug ;;
    *) option=' --release' profile=release ;;
esac
echo "\$ cargo build$option"
cargo build$option --quiet
programs=${CARGO_TARGET_DIR:-$PWD/target}/$profile
folder=$(mktemp -d "${TMPDIR:-/tmp}/simp-example.XXXXXX")
mkdir -m 700 "$folder/run"
PATH=$programs:$PATH
export PATH XDG_RUNTIME_DIR="$folder/run" XDG_STATE_HOME="$folder/state" XDG_CONFIG_HOME="$folder/config"

tidy_up() {
    status=$?
    trap - EXIT INT TERM
    if [ "$keep" = yes ] && [ "$status" = 0 ]; then
        echo
        how_to_go_on
    else
        stop_all || status=1
        rm -r "$folder"
    fi
    exit "$status"
}
trap tidy_up EXIT
trap 'exit 130' INT TERM

# Shows a command the way a person would type it, and runs it.
run() {
    printf '$'
    for word in "$@"; do
        case $word in
            *' '*) printf ' "%s"' "$word" ;;
            *) printf ' %s' "$word" ;;
        esac
    done
    printf '\n'
    "$@"
}
