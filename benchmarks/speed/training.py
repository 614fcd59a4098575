"""Training against a plain variant of it (`plain.py`): images per second of both, in turn, on one device, and their ratio.

Every variant is measured in a process of its own, several rounds, on the same random images: one round is 16 steps, a whole turn
of the reference schedule (two generator passes, path length every 4 steps, R1 every 16). Threads wait awake for a moment, as
in the workflow's trainings. On two CPU cores: 64-px crops, 5 channels, base 2048 with at most 64 maps, batch 16. `--device
cuda` takes the size of `config/paper.yaml` (or `--crop 512 --base 32768`), reports memory, the shares of the device's peak and of
what fused layers would reach, and profiles one round; ratios are then taken with the plain variant in TF32. `--write` appends to
`benchmarks/results/training.csv`. Nothing else should be running.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from benchmarks.measuring import RESULTS, append, processor_name, versions
from benchmarks.speed.plain import PlainTraining
from gandl.config import GanEngineSettings, GradientEstimate, Intensity, NetworkSettings, Precision, TrainingSettings
from gandl.models.compute import device
from gandl.models.compute.device import CPU, autocast, peak_flops, peak_memory, prepare
from gandl.models.crops.intensity import IntensityScale
from gandl.models.networks import convolution
from gandl.models.objectives.gan import Gan
from gandl.models.objectives.gan_work import work_per_image

CHANNELS, STEPS = 5, 16
COLUMNS = (
    "date",
    "device",
    "versions",
    "command",
    "what",
    "crop",
    "channels",
    "channel_base",
    "channel_max",
    "batch",
    "precision",
    "compiled",
    "rounds",
    "images_per_second",
    "against",
    "times_as_fast",
    "memory_gib",
    "share_of_peak",
    "share_of_fused_bound",
)
FUSED_BOUND = {("H200", 256, 16384): 751.0, ("H200", 512, 32768): 188.0}
"""Images per second, by device, crop and channel_base: half the peak of matrix products (790 TFLOP/s), plus the traffic of
activations (4.3 TB/s) if every layer were one fused kernel, one after the other; the reference schedule."""
PLAIN = "plain, NCHW"
ASLEEP = "gandl, its threads asleep between operations"


class Images:
    """The same random images at every step, on the device: what a loader that costs nothing would give."""

    def __init__(self, settings: TrainingSettings, place: torch.device) -> None:
        self.scale = IntensityScale(tuple("abcde"), (0.0,) * CHANNELS, (255.0,) * CHANNELS, Intensity.STORE)
        shape = settings.batch, CHANNELS, settings.network.crop, settings.network.crop
        images = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(place)
        self.images = images.contiguous(memory_format=torch.channels_last)

    def batch(self, step: int, course: int) -> list[Tensor]:
        return [self.images]


def ours(settings: TrainingSettings, place: torch.device) -> Callable[[], None]:
    """A step of the engine."""
    prepare(place, settings.engine.precision)
    trainer = Gan(Images(settings, place), settings, 0, device=place)
    if trainer.compiled != settings.engine.compile:
        sys.exit("what should be measured compiled is not: see the message above")

    def step() -> None:
        trainer.step()
        if place == CPU or trainer.step_number % STEPS == 0:
            trainer.drain()

    return step


def plain(settings: TrainingSettings, place: torch.device) -> Callable[[], None]:
    """A step of the plain variant."""
    if place.type == "cuda":
        prepare(place, settings.engine.precision)
    training = PlainTraining(settings, CHANNELS, 0, place)
    images = Images(settings, place).images.contiguous()
    return lambda: training.step(images)


def plain_channels_last(settings: TrainingSettings, place: torch.device) -> Callable[[], None]:
    """The same with its networks and images in channels-last memory."""
    training = PlainTraining(settings, CHANNELS, 0, place)
    for network in (training.generator, training.discriminator, *training.averages):
        network.to(memory_format=torch.channels_last)
    images = Images(settings, place).images

    def step() -> None:
        with autocast(place, settings.engine.precision):
            training.step(images)

    return step


def without_own_convolutions(settings: TrainingSettings, place: torch.device) -> Callable[[], None]:
    convolution._written_out = lambda x: False
    return ours(settings, place)


def without_kept_memory(settings: TrainingSettings, place: torch.device) -> Callable[[], None]:
    device.ctypes.CDLL = lambda name: None
    return ours(settings, place)


def without_fused_adam(settings: TrainingSettings, place: torch.device) -> Callable[[], None]:
    adam = torch.optim.Adam
    torch.optim.Adam = lambda *given, **named: adam(*given, **{**named, "fused": False})
    return ours(settings, place)


def engine(**changes: Any) -> dict[str, Any]:
    return {"engine": GanEngineSettings(**changes)}


ON_CPU: dict[str, tuple[Callable[..., Callable[[], None]], dict[str, Any]]] = {
    PLAIN: (plain, {}),
    "plain, channels last": (plain_channels_last, {}),
    "plain, channels last, bfloat16": (plain_channels_last, engine(precision=Precision.BFLOAT16)),
    "gandl": (ours, {}),
    ASLEEP: (ours, {}),
    "gandl without its own derivatives of convolutions": (without_own_convolutions, {}),
    "gandl without keeping freed memory": (without_kept_memory, {}),
    "gandl without fused Adam": (without_fused_adam, {}),
    "gandl, bfloat16": (ours, engine(precision=Precision.BFLOAT16)),
    "gandl, compiled": (ours, engine(compile=True)),
    "gandl, bfloat16, compiled": (ours, engine(precision=Precision.BFLOAT16, compile=True)),
    "gandl, shared forward": (ours, engine(shared_forward=True)),
    "gandl, R1 by finite differences": (ours, {"r1_estimate": GradientEstimate.FINITE_DIFFERENCE}),
}
ON_GPU: dict[str, tuple[Callable[..., Callable[[], None]], dict[str, Any]]] = {
    PLAIN + ", float32": (plain, {}),
    PLAIN + ", tf32": (plain, engine(precision=Precision.TF32)),
    "gandl, tf32": (ours, engine(precision=Precision.TF32)),
    "gandl, bfloat16": (ours, engine(precision=Precision.BFLOAT16)),
    "gandl, bfloat16, compiled": (ours, engine(precision=Precision.BFLOAT16, compile=True)),
    "gandl, bfloat16, compiled, graphs": (ours, engine(precision=Precision.BFLOAT16, compile=True, cuda_graphs=True)),
    "gandl, bfloat16, compiled, shared forward": (
        ours,
        engine(precision=Precision.BFLOAT16, compile=True, shared_forward=True),
    ),
}


def settings_of(arguments: argparse.Namespace, changes: dict[str, Any]) -> TrainingSettings:
    on_gpu = arguments.device == "cuda"
    network = NetworkSettings(
        crop=arguments.crop or (256 if on_gpu else 64),
        channel_base=arguments.base or (16384 if on_gpu else 2048),
        channel_max=512 if on_gpu else 64,
    )
    batch = arguments.batch or (64 if on_gpu else 16)
    return TrainingSettings(network=network, batch=batch, **changes)


def measure(arguments: argparse.Namespace) -> None:
    """One variant, in this process: seconds of one round after a round of warming up, as JSON."""
    make, changes = (ON_GPU if arguments.device == "cuda" else ON_CPU)[arguments.variant]
    settings, place = settings_of(arguments, changes), torch.device(arguments.device)
    step = make(settings, place)
    for _ in range(STEPS):
        step()
    seconds = [timed(step, place) for _ in range(arguments.rounds)]
    if arguments.profile:
        profile(step)
    speed = STEPS * settings.batch / statistics.median(seconds)
    measured = {
        "images_per_second": speed,
        "memory_gib": peak_memory(place) / 2**30,
        "flops": speed * work_per_image(settings, CHANNELS),
        "peak_flops": peak_flops(place, settings.engine.precision),
        "precision": settings.engine.precision.value,
        "compiled": settings.engine.compile,
    }
    print(json.dumps(measured))


def timed(step: Callable[[], None], place: torch.device) -> float:
    """Seconds of one round."""
    if place.type == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(STEPS):
        step()
    if place.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def profile(step: Callable[[], None]) -> None:
    """Where the time of one round goes, by kind of operation."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    if torch.cuda.is_available():
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as seen:
        for _ in range(STEPS):
            step()
    order = "self_cuda_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
    print(seen.key_averages().table(sort_by=order, row_limit=25), file=sys.stderr)


def in_turn(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Every variant, in turn, in processes of their own; medians over turns."""
    variants = ON_GPU if arguments.device == "cuda" else ON_CPU
    names = [name for name in variants if not arguments.only or name in arguments.only]
    measured: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for turn in range(arguments.turns):
        for name in names:
            last = turn == arguments.turns - 1
            command = [
                sys.executable,
                "-m",
                "benchmarks.speed.training",
                "--variant",
                name,
                "--device",
                arguments.device,
            ]
            command += ["--rounds", str(arguments.rounds)]
            for option in ("crop", "base", "batch"):
                if getattr(arguments, option):
                    command += [f"--{option}", str(getattr(arguments, option))]
            command += ["--profile"] if arguments.device == "cuda" and last else []
            waiting = {} if name == ASLEEP else {"GOMP_SPINCOUNT": "10000"}  # as the rule's script sets it
            done = subprocess.run(
                command, stdout=subprocess.PIPE, text=True, check=False, env={**os.environ, **waiting}
            )
            if done.returncode:
                print(f"{name}: failed", file=sys.stderr)
                continue
            measured[name].append(json.loads(done.stdout.splitlines()[-1]))
            print(f"turn {turn + 1}: {name}: {measured[name][-1]['images_per_second']:.1f} images/s", flush=True)
    rows = [{"what": name, **median_of(runs)} for name, runs in measured.items() if runs]
    plains = {row["what"]: row for row in rows if row["what"].startswith(PLAIN)}
    against = plains.get(PLAIN + ", tf32") or next(iter(plains.values()), None)
    peaks = {p: max(row["peak_flops"] for row in rows if row["precision"] == p) for p in {r["precision"] for r in rows}}
    for row in rows:
        row["share_of_peak"] = row.pop("flops") / peaks[row["precision"]]
        del row["peak_flops"]
        if against is not None and row is not against:
            row |= {
                "against": against["what"],
                "times_as_fast": row["images_per_second"] / against["images_per_second"],
            }
    return rows


def median_of(runs: list[dict[str, Any]]) -> dict[str, Any]:
    keys = ("images_per_second", "memory_gib", "flops")
    numbers = {key: statistics.median(run[key] for run in runs) for key in keys}
    return {**runs[0], **numbers, "peak_flops": max(run["peak_flops"] for run in runs)}


def report(rows: list[dict[str, Any]], arguments: argparse.Namespace) -> None:
    """Print all, and append them to the results."""
    settings = settings_of(arguments, {})
    name = torch.cuda.get_device_name() if arguments.device == "cuda" else processor_name()
    common = {
        "date": datetime.date.today().isoformat(),
        "device": name,
        "versions": versions("torch"),
        "command": shlex.join(["python", "-m", "benchmarks.speed.training", *sys.argv[1:]]),
        "crop": settings.network.crop,
        "channels": CHANNELS,
        "channel_base": settings.network.channel_base,
        "channel_max": settings.network.channel_max,
        "batch": settings.batch,
        "rounds": arguments.rounds * arguments.turns,
    }
    size = settings.network.crop, settings.network.channel_base
    bound = next((bound for (device, *of), bound in FUSED_BOUND.items() if device in name and tuple(of) == size), None)
    for row in rows:
        if bound is not None:
            row["share_of_fused_bound"] = row["images_per_second"] / bound
        ratio = f"{row['times_as_fast']:.2f} times {row['against']}" if "against" in row else ""
        print(
            f"{row['what']:52s} {row['images_per_second']:8.1f} images/s  {row['memory_gib']:6.1f} GiB  "
            f"{100 * row['share_of_peak']:3.0f} % of peak  "
            + (f"{row['share_of_fused_bound']:.2f} of the fused bound  " if bound is not None else "")
            + ratio
        )
    if arguments.write:
        measured = [{**dict.fromkeys(COLUMNS, ""), **common, **row} for row in rows]
        rounded = [{key: f"{v:.3g}" if isinstance(v, float) else v for key, v in row.items()} for row in measured]
        append(rounded, RESULTS / "training.csv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--crop", type=int, help="side of the crops (px)")
    parser.add_argument("--base", type=int, help="channel_base")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--turns", type=int, default=3, help="processes per variant")
    parser.add_argument("--rounds", type=int, default=2, help="rounds of 16 steps per process")
    parser.add_argument("--only", action="append", help="measure this variant (may be given several times)")
    parser.add_argument("--write", action="store_true", help="append to results/training.csv")
    parser.add_argument("--variant", help=argparse.SUPPRESS)
    parser.add_argument("--profile", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.variant:
        measure(arguments)
    else:
        report(in_turn(arguments), arguments)


if __name__ == "__main__":
    main()
