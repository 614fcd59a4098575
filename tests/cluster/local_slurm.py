"""A real Slurm on this machine alone, of Debian's packages: a controller, accounting, four nodes with a CPU, and one with
two stand-ins for GPUs. Everything lies below one folder and listens on the loopback only; nothing needs systemd.

`python tests/cluster/local_slurm.py FOLDER` starts one to try things on, and stops it at Ctrl-C or SIGTERM; instead of a folder,
`packages` names the packages that it needs, and `check` says why none can be started here, if that is so.
"""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Protocol

PACKAGES = "slurm-wlm slurm-wlm-basic-plugins slurmdbd slurm-wlm-mysql-plugin munge mariadb-server"
DAEMONS = ("munged", "mariadbd", "slurmdbd", "slurmctld", "slurmd")
NODES = ("cpu1", "cpu2", "cpu3", "cpu4", "gpu1")
COMMANDS = ("sacct", "sacctmgr", "sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun", "sstat")
MARK = "GANDL_TEST_CLUSTER"
"""Environment variable of everything that runs in a cluster of ours: its folder."""
CGROUPS = Path("/sys/fs/cgroup/memory")
SEARCHED = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
TIMEOUT = 20
"""Seconds without an answer after which a node counts as gone."""
TEMPLATES = Path(__file__).with_name("configuration")
BY_SLURM = "CgroupAutomount=no\nConstrainCores=no\nConstrainDevices=no\nConstrainRAMSpace=no\n"
BY_KERNEL = (
    BY_SLURM.replace("RAMSpace=no", "RAMSpace=yes")
    + "CgroupPlugin=cgroup/v1\nCgroupMountpoint=/sys/fs/cgroup\nConstrainSwapSpace=no\n"
)
"""Who ends a job that takes more memory than it requested: the kernel, as on most clusters, where this user may make groups."""


def why_not() -> str | None:
    """Why no cluster can be started here; None if one can."""
    missing = [name for name in DAEMONS if shutil.which(name, path=SEARCHED) is None]
    if missing:
        return (
            f"no Slurm here ({', '.join(missing)} missing): as root, apt-get install --no-install-recommends {PACKAGES}"
        )
    host = socket.gethostname().partition(".")[0]
    try:
        address = socket.gethostbyname(host)
    except OSError:
        address = "nothing"
    if not address.startswith("127."):
        return f"Slurm would listen outside this machine, since {host} is {address}: map it to 127.0.0.1 in /etc/hosts"
    return None


def wait_until(true: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until something is true; `TimeoutError` names what was waited for."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.2)


class Named(Protocol):
    """What has jobs of one name in Slurm."""

    @property
    def name(self) -> str | None:
        """The name, once it is known."""


class LocalSlurm:
    """A cluster that runs while its block is open.

    Attributes
    ----------
    environment : of a shell on its (only) login node.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}
        self._parent = ThreadPoolExecutor(1)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")}
        self.environment = {
            **kept,
            "PATH": os.pathsep.join([str(self.folder / "bin"), SEARCHED]),
            "SLURM_CONF": str(self.folder / "etc/slurm.conf"),
            MARK: str(self.folder),
        }

    def __enter__(self) -> LocalSlurm:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # ---- what tests ask of it

    def command(self, *words: str, check: bool = True) -> str:
        """What a command of Slurm prints; while there is no controller, it is awaited."""
        deadline = time.monotonic() + 120
        while True:
            done = subprocess.run(words, env=self.environment, capture_output=True, text=True, check=False, timeout=300)
            if not done.returncode:
                return done.stdout.strip()
            if "Unable to contact slurm controller" not in done.stderr or time.monotonic() > deadline:
                break
            time.sleep(1)
        if check:
            raise RuntimeError(f"{shlex.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout.strip()

    def accounted(self, *runs: Named, steps: bool = False) -> list[dict[str, str]]:
        """Jobs of runs as accounting has them, the oldest first; a job that was queued again is there once for every time.

        Parameters
        ----------
        runs : whose jobs bear their name.
        steps : with the steps of every job.
        """
        names = [run.name for run in runs if run.name]
        if not names:
            return []
        columns = ("JobID", "Partition", "State", "ExitCode", "Elapsed", "NodeList", "NTasks", "AllocTRES", "Comment")
        options = [
            "--duplicates",
            "--noheader",
            "--parsable2",
            "--starttime=now-3hours",
            f"--format={','.join(columns)}",
        ]
        choice = [f"--name={','.join(names)}", *([] if steps else ["--allocations"])]
        printed = self.command("sacct", *options, *choice).splitlines()
        return [dict(zip(columns, line.split("|"), strict=True)) for line in printed]

    def cancel_all(self) -> None:
        """Cancel all jobs, and wait until they are gone."""
        self.command("scancel", f"--user={_user()}", check=False)
        wait_until(lambda: not self.command("squeue", "--noheader"), 60, "jobs end")

    def lose_node(self, name: str) -> None:
        """A node loses its power: its daemon and all that runs on it are killed at once."""
        while found := list(self._processes(name)):
            for process in found:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            time.sleep(0.1)
        self.daemons.pop(f"slurmd-{name}").wait()

    def start_node(self, name: str) -> None:
        """Start a node's daemon."""
        (self.folder / "spool" / name).mkdir(parents=True, exist_ok=True)
        self._spawn(f"slurmd-{name}", "slurmd", "-D", "-N", name, SLURMD_NODENAME=name)

    def stop_controller(self) -> None:
        """Stop the controller; jobs go on."""
        self._end("slurmctld")

    def start_controller(self) -> None:
        """Start the controller; it remembers its jobs and, with `-R`, what was said of its partitions."""
        self._spawn("slurmctld", "slurmctld", "-D", "-R")
        self._answers("slurmctld", "scontrol", "ping")

    # ---- how it is run

    def start(self) -> None:
        """Start everything; takes about five seconds."""
        self._write()
        munge = self.folder / "munge"
        paths = {"socket": "munge.sock", "key-file": "munge.key", "pid-file": "munged.pid", "seed-file": "munged.seed"}
        named = [f"--{option}={munge / file}" for option, file in paths.items()]
        self._spawn("munged", "munged", "--foreground", *named, f"--log-file={self.folder}/log/munged.log")
        self._answers("munged", "munge", "-n", "-S", str(munge / "munge.sock"))
        self._start_accounting()
        self.start_controller()
        for node in NODES:
            self.start_node(node)
        wait_until(lambda: self.states() == ["idle"] * len(NODES), 120, "nodes become idle")

    def states(self) -> list[str]:
        """States of the nodes."""
        listed = self.command("sinfo", "--noheader", "--Node", "--format=%N %t", check=False).splitlines()
        return [line.split()[1] for line in sorted(set(listed))]

    def stop(self) -> None:
        """Cancel all jobs and stop everything that was started, and nothing else."""
        if "slurmctld" in self.daemons:
            with suppress(TimeoutError, RuntimeError):
                self.cancel_all()
        for name in [*(f"slurmd-{node}" for node in NODES), "slurmctld", "slurmdbd", "mariadbd", "munged"]:
            if name in self.daemons:
                self._end(name)
        self._parent.shutdown()
        for process in self._processes():  # what a test that failed left
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        for node in NODES:
            for folder in sorted(CGROUPS.glob(f"slurm_{node}/**/"), reverse=True):
                with suppress(OSError):
                    folder.rmdir()

    def _write(self) -> None:
        """Write its configuration, the stand-ins for GPUs, and commands that find it."""
        for name in ("etc", "log", "run", "state", "spool", "dev", "bin", "munge", "db"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for name, mode in (
            (".", 0o711),
            ("state", 0o700),
            ("db", 0o700),
            ("munge", 0o711),
        ):  # munge's folders: as it insists
            (self.folder / name).chmod(mode)
        by_kernel = os.access(CGROUPS, os.W_OK) and os.getuid() == 0
        values = {
            "folder": self.folder,
            "host": socket.gethostname().partition(".")[0],
            "user": _user(),
            "task": "task/cgroup" if by_kernel else "task/none",
            "gather": "UsePss" if by_kernel else "OverMemoryKill,UsePss",
            "timeout": TIMEOUT,
            **_free_ports("controller", "accounting", "database", *NODES),
        }
        self.database_port = values["database"]
        texts = {
            "slurm.conf": None,
            "slurmdbd.conf": None,
            "tables.sql": None,
            "gres.conf": f"AutoDetect=off\nNodeName=gpu1 Name=gpu File={self.folder}/dev/nvidia[0-1]\n",
            "cgroup.conf": BY_KERNEL if by_kernel else BY_SLURM,
        }
        for name, text in texts.items():
            file = self.folder / "etc" / name
            file.write_text(text or (TEMPLATES / name).read_text(encoding="utf-8").format(**values), encoding="utf-8")
            file.chmod(0o600)
        key = self.folder / "munge/munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        for number, device in enumerate(("/dev/null", "/dev/zero")):  # a regular file is no device to Slurm
            (self.folder / f"dev/nvidia{number}").symlink_to(device)
        for command in COMMANDS:  # Snakemake drops SLURM_CONF within a job
            place = shutil.which(command, path=SEARCHED)
            wrapper = self.folder / "bin" / command
            wrapper.write_text(
                f'#!/bin/sh\nSLURM_CONF={self.folder}/etc/slurm.conf exec {place} "$@"\n', encoding="utf-8"
            )
            wrapper.chmod(0o755)

    def _start_accounting(self) -> None:
        data, place = self.folder / "db/data", f"--socket={self.folder}/db/db.sock"
        install = ["--no-defaults", f"--user={_user()}", f"--datadir={data}", "--skip-test-db"]
        self.command("mariadb-install-db", *install, "--auth-root-authentication-method=normal")
        sizes = ("--innodb-buffer-pool-size=64M", "--innodb-log-file-size=32M", "--innodb-flush-log-at-trx-commit=0")
        self._spawn(
            *("mariadbd", "mariadbd", "--no-defaults", f"--user={_user()}", f"--datadir={data}", place, *sizes),
            *("--bind-address=127.0.0.1", f"--port={self.database_port}", f"--pid-file={self.folder}/db/db.pid"),
            *(
                f"--init-file={self.folder}/etc/tables.sql",
                "--innodb-lock-wait-timeout=900",
                "--performance-schema=off",
            ),
        )
        login = ["--no-defaults", "--protocol=tcp", "--host=127.0.0.1", f"--port={self.database_port}"]
        self._answers("mariadbd", "mariadb", *login, "-uslurm", "-pslurm", "slurm_acct_db", "-e", "select 1")
        self._spawn("slurmdbd", "slurmdbd", "-D", SLURM_CONF=f"{self.folder}/etc/slurmdbd.conf")
        self._answers("slurmdbd", "sacctmgr", "--noheader", "--immediate", "list", "cluster")
        for words in ("add cluster local", "add account lab", f"add user {_user()} Account=lab DefaultAccount=lab"):
            self.command("sacctmgr", "--immediate", "--quiet", *words.split())

    def _spawn(self, name: str, *command: str, **variables: str) -> None:
        """Start a daemon in the foreground, in a session of its own; it ends when this process is killed.

        To Linux, the parent whose end ends it is the thread that started it: here one that lasts as long as the cluster.
        """
        with (self.folder / f"log/{name}.out").open("ab") as output:
            self.daemons[name] = self._parent.submit(
                subprocess.Popen,
                ["setpriv", "--pdeathsig", "TERM", *command],
                env={**self.environment, **variables},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            ).result()

    def _answers(self, daemon: str, *command: str) -> None:
        def answered() -> bool:
            if self.daemons[daemon].poll() is not None:
                output = (self.folder / f"log/{daemon}.out").read_text(encoding="utf-8", errors="replace")
                raise RuntimeError(f"{daemon} ended: {output[-2000:]}")
            done = subprocess.run(command, env=self.environment, capture_output=True, check=False, timeout=30)
            return done.returncode == 0

        wait_until(answered, 120, f"{daemon} answers")

    def _end(self, name: str) -> None:
        daemon = self.daemons.pop(name)
        daemon.terminate()
        try:
            daemon.wait(timeout=20)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def _processes(self, node: str | None = None) -> Iterator[int]:
        """Processes of this cluster, or those of one of its nodes; known by their environment."""
        wanted = {f"{MARK}={self.folder}".encode()} | ({f"SLURMD_NODENAME={node}".encode()} if node else set())
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if wanted <= set((folder / "environ").read_bytes().split(b"\0")):
                    yield int(folder.name)


def _user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


def _free_ports(*names: str) -> Mapping[str, int]:
    """Ports of the loopback that nobody uses, one for each name."""
    with ExitStack() as open_at_once:
        sockets = {name: open_at_once.enter_context(socket.socket()) for name in names}
        for found in sockets.values():
            found.bind(("127.0.0.1", 0))
        return {name: found.getsockname()[1] for name, found in sockets.items()}


def main(folder: Path) -> None:
    """Start a cluster, print how a shell reaches it, and stop it at Ctrl-C or SIGTERM."""
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # a script that starts it in the background lets it ignore the first one
        signal.signal(number, signal.default_int_handler)
    with LocalSlurm(folder) as slurm:
        print(slurm.command("sinfo"))
        for name in ("PATH", "SLURM_CONF"):
            print(f"export {name}={shlex.quote(slurm.environment[name])}", flush=True)
        with suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    if sys.argv[1:] == ["packages"]:
        sys.exit(print(PACKAGES))
    if (reason := why_not()) is not None:
        sys.exit(reason)
    if sys.argv[1:] != ["check"]:
        main(Path(sys.argv[1]))
