#!/usr/bin/env bash
# What a GPU that is lent for minutes should measure (`gpu/parts.py` says what), on a bare machine: PyTorch is there, no network is.
#
#   benchmarks/on_gpu.sh wheels FOLDER                   here, with a network: fetch the wheels that such a machine lacks
#   benchmarks/on_gpu.sh run --out OUT [--wheels FOLDER] [--data FOLDER] [...]
#                                                        there: install them aside, run all parts, copy results into OUT
#   benchmarks/on_gpu.sh rehearse --out OUT [...]        anywhere: the same parts at toy size, on the CPU
#   benchmarks/on_gpu.sh collect OUT                     here: append the tables that came back to benchmarks/results/
#
# PYTHON, PYTHON_VERSION and LIMIT_MIB may be set in the environment; other arguments go to gpu/parts.py.
set -euo pipefail
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-python3}
PYTHON_VERSION=${PYTHON_VERSION:-3.12}
LIMIT_MIB=${LIMIT_MIB:-60}
# What PyTorch's own images lack: pandas, pyarrow, scikit-learn, scikit-image, scipy, matplotlib, rich, safetensors, pyyaml, requests,
# psutil and pytest are in them. No requirements are followed; `run` says which import fails.
LACKING="zarr numcodecs donfig google-crc32c imagecodecs pydantic pydantic-core annotated-types typing-inspection monai"
export PYTHONPATH="src:${PYTHONPATH:-}"

case "${1:-}" in
wheels)
    folder=${2:?name a folder for the wheels}
    mkdir -p "$folder"
    for name in ${PACKAGES:-$LACKING}; do
        pinned=$(grep -ioE "^$name==[^ ;\\\\]+" requirements.lock) || { echo "$name is not in requirements.lock" >&2; exit 1; }
        "$PYTHON" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
            --python-version "$PYTHON_VERSION" --implementation cp \
            --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_17_x86_64 \
            --platform manylinux2014_x86_64 --dest "$folder" "$pinned"
    done
    tree=$(git ls-files -z | xargs -0 du -ck | tail -n 1 | cut -f 1)
    wheels=$(du -ck "$folder"/*.whl | tail -n 1 | cut -f 1)
    echo "tree $((tree / 1024)) MiB, wheels $((wheels / 1024)) MiB"
    if [ $(((tree + wheels) / 1024)) -ge "$LIMIT_MIB" ]; then
        echo "more than $LIMIT_MIB MiB: name fewer wheels in PACKAGES" >&2
        exit 1
    fi
    ;;
run)
    shift
    given=()
    while [ $# -gt 0 ]; do
        case "$1" in
        --wheels)
            site=$(mktemp -d)
            "$PYTHON" -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-compile --no-cache-dir \
                --upgrade --target "$site" "${2:?name the folder of the wheels}"/*.whl
            export PYTHONPATH="$PYTHONPATH:$site"
            shift 2
            ;;
        *)
            given+=("$1")
            shift
            ;;
        esac
    done
    exec "$PYTHON" -m benchmarks.gpu.parts "${given[@]}"
    ;;
rehearse)
    shift
    exec "$PYTHON" -m benchmarks.gpu.parts --rehearse "$@"
    ;;
collect)
    exec "$PYTHON" -m benchmarks.gpu.parts --collect "${2:?name the folder that came back}"
    ;;
*)
    sed -n '2,11s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
