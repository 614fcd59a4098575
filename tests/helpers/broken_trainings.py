"""Trainings that are killed or stopped by a signal at chosen points, and started again; for `test_resume.py`.

Each runs in a child forked from one process, which imports everything and computes nothing: a child starts at once, and as if new
(PyTorch starts its threads when they are first needed). What happened goes to standard output as JSON.

    python -m broken_trainings STORE FOLDER
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch._dynamo  # noqa: F401 (the first optimiser imports it, which takes seconds)

from gandl.models.engine import loop, training
from gandl.models.engine.checkpoint import Checkpoints
from gandl.models.looks.status import Machine
from gandl.models.networks.weights import load
from gandl.models.objectives.gan import Gan
from gandl.tables import CURVE, read_table
from gandl.workflow.code_version import code_version
from gandl.workflow.interruption import EXIT_CODE, Interrupted
from model_inputs import TRAINING

SETTINGS = TRAINING.model_copy(
    update={"batch": 4, "images": 80, "checkpoint_images": 40, "looks": 4, "held_out": 0.3, "quality_crops": 8}
)
"""20 steps, and a checkpoint after 10 of them."""
UNTIMED = ("images_per_second",)
"""What of a curve depends on the clock."""


@dataclass(frozen=True)
class Break:
    """Where a training is broken off.

    Attributes
    ----------
    phase : `step`, `checkpoint`, `look` or `end` (after the last step); or `bytes`: while a checkpoint's bytes are written.
    share : how far through all calls of Python functions in that phase (or through the bytes of the last checkpoint but `left`).
    number : the signal.
    left : how many checkpoints come after the one broken off (phase `bytes`).
    """

    phase: str
    share: float
    number: signal.Signals = signal.SIGKILL
    left: int = 0

    def __str__(self) -> str:
        return f"{self.number.name} {self.phase} {self.share:.3f} {self.left}"


def breaks() -> list[Break]:
    """The points, drawn once by a fixed seed."""
    rng = random.Random(4)
    killed = [Break(phase, rng.random()) for phase in ["step"] * 3 + ["checkpoint"] + ["look"] * 2 + ["end"] * 2]
    killed += [Break("bytes", rng.random(), left=left) for left in (0, 1)]
    requested = [Break(phase, rng.random(), signal.SIGTERM) for phase in ("step", "checkpoint", "look", "end")]
    return [*killed, *requested, Break("step", rng.random(), signal.SIGUSR1)]


class Counter:
    """Counts calls of Python functions in a phase; raises a signal at one of them."""

    def __init__(self, at: dict[str, int], number: signal.Signals) -> None:
        self.calls = dict.fromkeys(("step", "checkpoint", "look", "end"), 0)
        self._at, self._number = at, number
        self.end: Any = None

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        def called(frame: FrameType, event: str, argument: Any) -> None:
            if event != "call":
                return
            self.calls[name] += 1
            if self.calls[name] == self._at.get(name):
                os.kill(os.getpid(), self._number)

        before = sys.getprofile()
        sys.setprofile(called)
        try:
            yield
        finally:
            sys.setprofile(before)


def instrument(counter: Counter) -> None:
    """Count in the phases of all trainings of this process."""

    def counted(owner: type, method: str, name: str) -> None:
        original = getattr(owner, method)

        def call(*arguments: Any, **named: Any) -> Any:
            with counter.phase(name):
                return original(*arguments, **named)

        setattr(owner, method, call)

    counted(Gan, "step", "step")
    counted(Checkpoints, "save", "checkpoint")
    counted(training.Looks, "measure", "look")
    run = loop.Loop.run

    def to_the_end(self: loop.Loop) -> None:
        run(self)
        counter.end = counter.phase("end")
        counter.end.__enter__()  # until the process ends

    loop.Loop.run = to_the_end  # type: ignore[method-assign]


def break_bytes(broken: Break, saves: int) -> None:
    """Kill this process after a share of the bytes of one of its checkpoints."""
    write, seen = Path.write_bytes, []

    def killed(self: Path, data: memoryview) -> int:
        if not self.name.endswith(".partial") or ".pt." not in self.name:
            return write(self, data)
        seen.append(self)
        if len(seen) < saves - broken.left:
            return write(self, data)
        with self.open("wb") as file:
            file.write(data[: int(len(data) * broken.share)])
        os.kill(os.getpid(), broken.number)
        raise AssertionError("it lives")

    Path.write_bytes = killed  # type: ignore[method-assign, assignment]


def train(store: Path, folder: Path) -> None:
    training.train(
        [store],
        SETTINGS,
        1,
        folder / "weights.safetensors",
        folder / "curve.parquet",
        folder / "samples.png",
        folder / "checkpoints",
        lambda discriminator, scale: float(sum(parameter.abs().sum() for parameter in discriminator.parameters())),
        "a probe",
    )


def in_child(work: Callable[[], object], folder: Path) -> int:
    """Exit code of some work in a child (negative: the signal it died of)."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except Interrupted as stopped:
            (folder / "stopped.txt").write_text(str(stopped))
            os._exit(EXIT_CODE)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def counted(store: Path, folder: Path) -> None:
    """An unbroken training that writes down how many calls its phases have."""
    counter = Counter({}, signal.SIGKILL)
    instrument(counter)
    train(store, folder)
    sys.setprofile(None)
    (folder / "calls.json").write_text(json.dumps(counter.calls))


def broken_off(store: Path, folder: Path, broken: Break, calls: dict[str, int]) -> None:
    if broken.phase == "bytes":
        break_bytes(broken, saves=2)
    else:
        instrument(Counter({broken.phase: max(1, int(broken.share * calls[broken.phase]))}, broken.number))
    train(store, folder)


def result(folder: Path) -> dict[str, str]:
    """Digests of what a training made."""
    digest = hashlib.sha256()
    for prefix, network in sorted(load(folder / "weights.safetensors").networks.items()):
        for name, tensor in sorted(network.state_dict().items()):
            digest.update(f"{prefix}.{name}".encode() + tensor.numpy().tobytes())
    curve = read_table(folder / "curve.parquet", CURVE)
    rows = curve[~curve["metric"].isin(UNTIMED)].to_csv(index=False)
    samples = hashlib.sha256((folder / "samples.png").read_bytes()).hexdigest()
    return {"weights": digest.hexdigest(), "curve": rows, "samples": samples}


def tried(store: Path, folder: Path, broken: Break, calls: dict[str, int]) -> dict[str, object]:
    """What one training that was broken off and started again looked like in between, and made."""
    folder.mkdir()
    code = in_child(lambda: broken_off(store, folder, broken, calls), folder)
    reported: dict[str, object] = {
        "phase": broken.phase,
        "signal": broken.number.name,
        "code": code,
        "weights_in_between": (folder / "weights.safetensors").exists(),
        "checkpoints_in_between": sorted(path.name for path in folder.glob("checkpoints/*/*.pt")),
        "sentence": (folder / "stopped.txt").read_text() if (folder / "stopped.txt").exists() else "",
    }
    reported["code_again"] = in_child(lambda: train(store, folder), folder)
    in_child(lambda: (folder / "result.json").write_text(json.dumps(result(folder))), folder)
    reported["made"] = json.loads((folder / "result.json").read_text())
    reported["left"] = [path.name for path in folder.glob("checkpoints/**/.*")]
    return reported


def main(store: Path, folder: Path) -> None:
    training.machine_of = lambda *_: Machine()  # type: ignore[assignment] (measuring the peak takes a while)
    code_version("gandl.models.engine.training")  # it is remembered
    unbroken = folder / "unbroken"
    unbroken.mkdir(parents=True)
    assert in_child(lambda: counted(store, unbroken), folder) == 0
    calls = json.loads((unbroken / "calls.json").read_text())
    in_child(lambda: (unbroken / "result.json").write_text(json.dumps(result(unbroken))), folder)
    reported = {"unbroken": json.loads((unbroken / "result.json").read_text()), "calls": calls}
    for i, broken in enumerate(breaks()):
        reported[str(broken)] = tried(store, folder / str(i), broken, calls)
    print(json.dumps(reported))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
