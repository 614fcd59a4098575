#!/usr/bin/env bash
# Makes .venv, or brings it up to date with requirements.lock: a line per step with its size, all of pip's output in .venv/install.log.
#
#   envs/install.sh [PYTHON [TORCH [TORCH_INDEX]]]      what is not named may be ""
#
# PyTorch comes first, at its exact version (its builds differ by machine, so it has no hash here); then everything else, pinned
# and hashed, PyTorch's own requirements among it; then gandl itself, without its requirements. `.venv/ready` is there only while
# all of it is: without it the next call starts over (pip keeps what it downloaded), so a half-installed package never stays.
#
# TORCH is cpu or cuda; not named, it is what the machine has. The build for CPUs is the version `+cpu`, which PyPI does not have:
# where the package index lacks it too, TORCH_INDEX names one that has it, or, if no build was named, the index's own is taken.
set -euo pipefail
cd "$(dirname "$0")/.."

VERSION=2.13.0
LARGE_MB=20 # a file of this size is named while it is downloaded
given=${1:-} named=${2:-} index=${3:-}
trap 'echo "Interrupted: .venv is not finished; run make again." >&2; exit 130' INT TERM

version_of() { "$1" -c 'import sys; print(sys.version)'; }

# The build of PyTorch that is in .venv: cpu, cuda, or nothing.
built() {
    local found
    found=$(cat .venv/lib/python3*/site-packages/torch/version.py 2>/dev/null | grep '^cuda') || return 0
    if [[ $found == *"= None" ]]; then echo cpu; else echo cuda; fi
}

in_words() { case "$1" in cpu) echo "for CPUs" ;; cuda) echo "for CUDA" ;; *) echo "of an unknown build" ;; esac }

# Sets `build` and `why`.
choose_build() {
    build=$named why="TORCH=$named"
    case "$named" in
    cpu | cuda) ;;
    "")
        build=$(built) why="as before"
        if [ -z "$build" ]; then
            build=cpu why="no NVIDIA GPU here"
            ! nvidia-smi -L >/dev/null 2>&1 || build=cuda why="nvidia-smi lists a GPU"
        fi
        ;;
    *)
        echo "TORCH=$named will not do: cpu or cuda" >&2
        exit 1
        ;;
    esac
}

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

pip_install() {
    .venv/bin/python -m pip install --no-input --disable-pip-version-check --progress-bar off "$@" 2>&1 |
        tee -a .venv/install.log
}

# step NUMBER TEXT ARGUMENTS...: one call of pip.
step() {
    echo "[$1/4] $2"
    local what=${2%%:*}
    shift 2
    if ! pip_install "$@" | shown; then
        echo "$what: the installation failed; run make again to retry. The end of .venv/install.log:" >&2
        tail -n 15 .venv/install.log | cut -c 1-300 >&2
        if grep -qiE 'failed building wheel|could not build wheels|failed-wheel-build' .venv/install.log; then
            echo "A package had to be compiled: install a C compiler and Python's headers (Debian, Ubuntu: build-essential and" \
                "python3-dev; Fedora: gcc and python3-devel), or name a Python that it is published for: make PYTHON=python3.13 ..." >&2
        fi
        exit 1
    fi
}

# Whether the package index has this version; what it says is not shown.
offers() { pip_install --dry-run --no-deps "$@" >/dev/null || ! grep -q "No matching distribution" .venv/install.log; }

install_torch() {
    local size="530 MB and gigabytes of CUDA libraries" kind version=$VERSION from=()
    kind=$(in_words "$build")
    [ -z "$index" ] || from=(--extra-index-url "$index")
    if [ "$build" = cpu ]; then
        if offers "${from[@]}" "torch==$VERSION+cpu"; then
            version=$VERSION+cpu size="190 MB"
        elif [ -n "$named" ]; then
            echo "TORCH=cpu: the package index has no build of PyTorch $VERSION for CPUs. TORCH_INDEX=URL names an index that" \
                "has one (PyTorch's page \"Get started\" prints it); without TORCH the build of the package index is taken." >&2
            exit 1
        else
            kind="of the package index" why="$why, but the index has no build for CPUs; TORCH_INDEX=URL names another one"
        fi
    fi
    step 2 "PyTorch $VERSION $kind ($why): about $size" "${from[@]}" "torch==$version"
    if [ "$named" = cuda ] && [ "$(built)" = cpu ]; then
        echo "TORCH=cuda: the package index gave a build for CPUs; TORCH_INDEX=URL names an index that has one for CUDA" >&2
        exit 1
    fi
}

python=.venv/bin/python
choose_build
[ -z "$given" ] || python=$(bash envs/choose-python.sh "$given")
if is_kept; then
    if [ "$(built)" != "$build" ]; then
        echo "[1/4] Virtual environment: .venv is kept, and its PyTorch replaced"
        rm -f .venv/ready
        .venv/bin/python -m pip uninstall --quiet --yes torch
    elif [ requirements.lock -nt .venv/ready ] || [ pyproject.toml -nt .venv/ready ]; then
        echo "[1/4] Virtual environment: .venv is kept, and brought up to date"
        rm -f .venv/ready
    else
        exit 0
    fi
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
install_torch
step 3 "$packages packages: about 300 MB" --require-hashes -r requirements.lock
step 4 "gandl: less than 1 MB" --no-deps --no-build-isolation --editable .
touch .venv/ready
echo "Ready after $SECONDS s; .venv takes $(du -sh .venv | cut -f 1); PyTorch $(in_words "$(built)")"
