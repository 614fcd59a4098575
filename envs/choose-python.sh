#!/usr/bin/env bash
# Which Python makes an environment: prints its path, and says on stderr in one line which it took, or which package is missing.
#
#   envs/choose-python.sh            the first of python3.11 ... python3.14, python3 that is new enough and has venv
#   envs/choose-python.sh PYTHON     this one, or why it will not do
#
# A command on the path proves little: Debian and Ubuntu ship Python without ensurepip, which venv needs, and pyenv's shims exist
# for versions that are switched off. So each candidate is run. The oldest comes first: a lock made by it serves all others.
set -euo pipefail

CANDIDATES="python3.11 python3.12 python3.13 python3.14 python3"
OLDEST=11
PROBE='
import sys
try:
    import ensurepip, venv
    ensurepip.version()
    able = "able"
except Exception:
    able = "unable"
print("%d.%d.%d %s" % (tuple(sys.version_info[:3]) + (able,)))
'

# Sets `version`, `minor` and `state` (ready, unable, old, broken, absent) of a command.
look_at() {
    version="" minor="" state=absent
    command -v -- "$1" >/dev/null || return 0
    state=broken
    local found
    found=$("$1" -c "$PROBE" 2>/dev/null </dev/null) || return 0
    [[ $found =~ ^(([0-9]+)\.([0-9]+)\.[0-9]+)\ (able|unable)$ ]] || return 0
    version=${BASH_REMATCH[1]} minor=${BASH_REMATCH[2]}.${BASH_REMATCH[3]}
    if [ $((BASH_REMATCH[2] * 1000 + BASH_REMATCH[3])) -lt $((3000 + OLDEST)) ]; then
        state=old
    elif [ "${BASH_REMATCH[4]}" = unable ]; then
        state=unable
    else
        state=ready
    fi
}

why_not() {
    case "$state" in
    absent) echo "$1 was not found." ;;
    broken) echo "$1 exists, but does not run as Python." ;;
    old) echo "$1 is Python $version: 3.$OLDEST or newer is needed." ;;
    unable)
        echo "$1 is Python $version, but cannot make a virtual environment: its package python$minor-venv is missing" \
            "(Debian, Ubuntu: sudo apt install python$minor-venv)."
        ;;
    esac
}

take() {
    echo "Python $version: $(command -v -- "$1")" >&2
    command -v -- "$1"
    exit 0
}

given=${1:-}
if [ -n "$given" ]; then
    look_at "$given"
    [ "$state" = ready ] && take "$given"
    echo "PYTHON=$given will not do: $(why_not "$given")" >&2
    exit 1
fi

reasons=() lacks_package=""
for candidate in $CANDIDATES; do
    look_at "$candidate"
    [ "$state" = ready ] && take "$candidate"
    [ "$state" = absent ] || reasons+=("$(why_not "$candidate")")
    [ "$state" = unable ] && lacks_package=yes
done

{
    echo "No Python 3.$OLDEST or newer that can make a virtual environment was found (looked for ${CANDIDATES// /, })."
    [ ${#reasons[@]} -eq 0 ] || printf '  %s\n' "${reasons[@]}"
    if [ -z "$lacks_package" ]; then
        echo "What brings one:"
        echo "  Debian, Ubuntu   sudo apt install python3-venv"
        echo "  Fedora           sudo dnf install python3"
        echo "  macOS            brew install python@3.12"
    fi
    echo "Then run make again, or name another Python: make PYTHON=/path/to/python3 ..."
} >&2
exit 1
