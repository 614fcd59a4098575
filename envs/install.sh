#!/usr/bin/env bash
# Makes .venv, or brings it up to date with requirements.lock: a line per step with its size, all of pip's output in .venv/install.log.
#
#   envs/install.sh [PYTHON]
#
# PyTorch comes first, at its exact version (its builds differ by machine, so it has no hash here); then everything else, pinned
# and hashed, PyTorch's own requirements among it; then gandl itself, without its requirements. `.venv/ready` is there only while
# all of it is: without it the next call starts over (pip keeps what it downloaded), so a half-installed package never stays.
set -euo pipefail
cd "$(dirname "$0")/.."

TORCH=2.13.0
LARGE_MB=20 # a file of this size is named while it is downloaded
given=${1:-}
trap 'echo "Interrupted: .venv is not finished; run make again." >&2; exit 130' INT TERM

version_of() { "$1" -c 'import sys; print(sys.version)'; }

# The environment that is there: whole, of a Python that runs, and of the one that was named if one was.
is_kept() {
    [ -e .venv/ready ] && bash envs/choose-python.sh .venv/bin/python >/dev/null 2>&1 || return 1
    [ -z "$given" ] || [ "$(version_of "$python")" = "$(version_of .venv/bin/python)" ]
}

# Of pip's lines: large downloads, the beginning of unpacking, retries and errors.
shown() {
    local line
    while IFS= read -r line; do
        if [[ $line =~ (Downloading|Using\ cached)\ ([^ ]+)\ \(([0-9]+)[.0-9]*\ (MB|GB)\) ]]; then
            if [ "${BASH_REMATCH[4]}" = GB ] || [ "${BASH_REMATCH[3]}" -ge "$LARGE_MB" ]; then
                echo "      ${line#"${line%%[! ]*}"}"
            fi
        elif [[ $line == "Installing collected packages"* ]]; then
            echo "      unpacking"
        elif [[ $line == ERROR* || $line == *Retrying* ]]; then
            echo "      ${line:0:200}"
        fi
    done
}

# step NUMBER TEXT ARGUMENTS...: one call of pip.
step() {
    echo "[$1/4] $2"
    local what=${2%%:*}
    shift 2
    if ! .venv/bin/python -m pip install --no-input --disable-pip-version-check --progress-bar off "$@" 2>&1 |
        tee -a .venv/install.log | shown; then
        echo "$what: the installation failed; run make again to retry. The end of .venv/install.log:" >&2
        tail -n 15 .venv/install.log | cut -c 1-300 >&2
        if grep -qiE 'failed building wheel|could not build wheels|failed-wheel-build' .venv/install.log; then
            echo "A package had to be compiled: install a C compiler and Python's headers (Debian, Ubuntu: build-essential and" \
                "python3-dev; Fedora: gcc and python3-devel), or name a Python that it is published for: make PYTHON=python3.13 ..." >&2
        fi
        exit 1
    fi
}

python=.venv/bin/python
[ -z "$given" ] || python=$(bash envs/choose-python.sh "$given")
if is_kept; then
    [ requirements.lock -nt .venv/ready ] || [ pyproject.toml -nt .venv/ready ] || exit 0
    echo "[1/4] Virtual environment: .venv is kept, and brought up to date"
    rm -f .venv/ready
else
    [ -n "$given" ] || python=$(bash envs/choose-python.sh)
    echo "[1/4] Virtual environment: .venv, about 20 MB"
    rm -f .venv/ready
    if ! "$python" -m venv --clear .venv; then
        echo "$python could not make a virtual environment in .venv; name another Python: make PYTHON=/path/to/python3 ..." >&2
        exit 1
    fi
fi
: >.venv/install.log
packages=$(grep -c '^[a-zA-Z0-9].*==' requirements.lock)
step 2 "PyTorch $TORCH: about 190 MB (a build for CPUs), or 530 MB and gigabytes of CUDA libraries" "torch==$TORCH"
step 3 "$packages packages: about 300 MB" --require-hashes -r requirements.lock
step 4 "gandl: less than 1 MB" --no-deps --no-build-isolation --editable .
touch .venv/ready
echo "Ready after $SECONDS s; .venv takes $(du -sh .venv | cut -f 1)"
