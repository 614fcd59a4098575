"""A Python that has imported its libraries: processes of a workflow fork from it instead of importing them for seconds each.

A server imports what most jobs import, and forks for every process that is asked for. A stand-in for the interpreter hands it
arguments, environment, folder and streams, and ends as the server's child does. All else is as in a new process: the script is
read from its file, gandl is imported from the path of its environment. What is no script, e.g. `-m module`, the stand-in leaves
to the real interpreter. Runs that are killed, and those of a cluster, start real ones.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from functools import cache
from pathlib import Path
from typing import Any

LIBRARIES = (
    *("numpy", "pandas", "pyarrow.parquet", "yaml", "pydantic", "zarr", "tifffile", "PIL.Image", "psutil"),
    *("scipy.stats", "scipy.optimize", "scipy.ndimage", "scipy.spatial", "sklearn.svm", "sklearn.linear_model"),
    *("sklearn.decomposition", "sklearn.metrics", "sklearn.cluster", "skimage.measure", "skimage.segmentation"),
    *("matplotlib.figure", "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg", "great_tables"),
    *("torch", "monai.networks.nets.densenet", "monai.networks.nets.resnet", "snakemake.script", "snakemake.cli"),
)
"""Imported by the server, where they are installed."""
WORKS = hasattr(os, "pidfd_open")
"""On Linux; elsewhere runs start real interpreters."""
STAND_IN = """#!{python} -IS
import os, socket, sys
if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
import json
asked = {{"argv": sys.argv[1:], "environment": dict(os.environ), "folder": os.getcwd()}}
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [b"\\0"], [0, 1, 2])
    server.sendall(json.dumps(asked).encode() + b"\\n")
    status = int(server.makefile().readline() or 1)
if os.WIFSIGNALED(status):
    os.kill(os.getpid(), os.WTERMSIG(status))
sys.exit(os.waitstatus_to_exitcode(status))
"""
SNAKEMAKE = '''"""Snakemake whose jobs are run by the interpreter in the first argument."""
import runpy, sys
sys.executable = sys.argv.pop(1)
runpy.run_module("snakemake", run_name="__main__", alter_sys=True)
'''


_servers: list[subprocess.Popen[bytes]] = []
"""Kept, for Python warns of a process that is forgotten while it runs."""


@cache
def warm_python() -> tuple[Path, Path]:
    """Start the server of this process; the stand-in for Python, and a script that runs Snakemake with it."""
    folder = Path(tempfile.mkdtemp(prefix="gandl-warm-"))
    address = folder / "server"
    python, snakemake = folder / "python", folder / "snakemake.py"
    python.write_text(STAND_IN.format(python=sys.executable, address=str(address)), encoding="utf-8")
    python.chmod(0o755)
    snakemake.write_text(SNAKEMAKE, encoding="utf-8")
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(str(address))
    bound.listen(64)  # before the server has begun: a connection waits for it
    alive, _ = os.pipe()  # its other end is closed when this process ends, however it does
    without_path = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    server = subprocess.Popen(
        [sys.executable, __file__, str(bound.fileno()), str(alive), str(folder)],
        env={**without_path, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"},
        cwd="/",
        pass_fds=[bound.fileno(), alive],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    _servers.append(server)
    bound.close()
    os.close(alive)
    return python, snakemake


def main() -> None:
    """Serve; in a child of the server: become the process that was asked for."""
    listening, alive = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that keep children
    while True:
        ready, _, _ = select.select([listening, alive], [], [])
        if alive in ready:
            shutil.rmtree(sys.argv[3])
            return
        connection, _ = listening.accept()
        if os.fork() == 0:
            break
        connection.close()
    listening.close()
    os.close(alive)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(connection, 1, 3)
    asked = json.loads(connection.makefile().readline())
    child = os.fork()
    if child:
        os.setpgid(child, child)  # and so does the child, for either may be the first to need it
        _keep(child, connection)
    connection.close()
    _become(asked, streams)


def _keep(child: int, connection: socket.socket) -> None:
    """Wait for a child and send how it ended; end it where nobody waits any more."""
    ended = os.pidfd_open(child)
    ready, _, _ = select.select([ended, connection], [], [])
    if ended not in ready:
        os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(OSError):
        connection.sendall(f"{status}\n".encode())
    os._exit(0)


def _become(asked: dict[str, Any], streams: list[int]) -> None:
    """Run a script as a new process would."""
    os.setpgid(0, 0)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    script = asked["argv"][0]
    sys.path[:] = [str(Path(script).parent), *paths, *sys.path[1:]]
    sys.argv = asked["argv"]
    importlib.invalidate_caches()
    code: object = 0
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(
        code if isinstance(code, int) else int(code is not None)
    )  # taking all modules apart would take half a second


if __name__ == "__main__":
    main()
