#!/usr/bin/env bash
# What a GPU that is lent for minutes should measure (`on_gpu.py` says what), on a bare machine: PyTorch is there, no network is.
#
#   benchmarks/on_gpu.sh wheels FOLDER             here, with a network: fetch the wheels that such a machine lacks
#   benchmarks/on_gpu.sh run OUT [WHEELS] [...]    there: install them, run all parts, copy results into OUT
#   benchmarks/on_gpu.sh rehearse OUT [...]        anywhere: the same parts at toy size, on the CPU
#
# PYTHON, PYTHON_VERSION and LIMIT_MIB may be set in the environment; arguments at the end go to on_gpu.py.
set -euo pipefail
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-python3}
PYTHON_VERSION=${PYTHON_VERSION:-3.12}
LIMIT_MIB=${LIMIT_MIB:-60}
# What PyTorch's own images lack: pandas, pyarrow, scikit-learn, scikit-image, scipy, matplotlib, rich, safetensors and pytest are
# in them. No requirements are followed; `run` says which import fails.
LACKING="zarr numcodecs donfig google-crc32c imagecodecs pydantic pydantic-core annotated-types typing-inspection"

case "${1:-}" in
wheels)
    folder=${2:?name a folder for the wheels}
    mkdir -p "$folder"
    for name in $LACKING; do
        pinned=$(grep -ioE "^$name==[^ ;\\\\]+" requirements.lock)
        "$PYTHON" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version "$PYTHON_VERSION" --implementation cp \
            --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_17_x86_64 \
            --platform manylinux2014_x86_64 --dest "$folder" "$pinned"
    done
    tree=$(git ls-files -z | xargs -0 du -ck | tail -n 1 | cut -f 1)
    wheels=$(du -ck "$folder"/*.whl | tail -n 1 | cut -f 1)
    echo "tree $((tree / 1024)) MiB, wheels $((wheels / 1024)) MiB"
    if [ $(((tree + wheels) / 1024)) -gt "$LIMIT_MIB" ]; then
        echo "more than $LIMIT_MIB MiB: name fewer wheels in LACKING" >&2
        exit 1
    fi
    ;;
run)
    out=${2:?name a folder for the results}
    wheels=${3:-}
    shift $(($# < 3 ? $# : 3))
    if [ -n "$wheels" ]; then
        "$PYTHON" -m pip install --quiet --no-index --no-deps --no-compile --upgrade --target /tmp/gandl-packages "$wheels"/*.whl
    fi
    export PYTHONPATH="src:benchmarks:/tmp/gandl-packages:${PYTHONPATH:-}"
    "$PYTHON" -c "import gandl.models.training, gandl.images.packing, gandl.source.simulator.rxrx19a, learning"
    exec "$PYTHON" benchmarks/on_gpu.py --out "$out" "$@"
    ;;
rehearse)
    out=${2:?name a folder for the results}
    shift 2
    export PYTHONPATH="src:benchmarks:${PYTHONPATH:-}"
    exec "$PYTHON" benchmarks/on_gpu.py --out "$out" --rehearse "$@"
    ;;
*)
    sed -n '2,8s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
