"""Worker: one process of a training. Takes a training as a file (or as a value), trains, and reports how it ended.

`torchrun --nproc-per-node 2 -m gandl.models.engine.worker training.json` starts two that train one model together; on one
machine, `gandl.models.engine.launch` does so and keeps exit codes.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, SerializeAsAny, model_validator

from gandl.config import RecipeSettings, TrainingSettings
from gandl.models.compute.device import choose_device
from gandl.models.compute.ranks import ALONE, Ranks, ranks_of_environment, together
from gandl.models.crops.supervision import Supervision
from gandl.models.crops.tiles import TileStore, open_tiles
from gandl.models.engine.endings import REPORTS, Ending, write_report
from gandl.models.engine.training import train
from gandl.models.looks.probe import build_probe, probe_id
from gandl.models.objectives.kinds import DEFAULT, objective_of
from gandl.workflow.interruption import EXIT_CODE, Interrupted, Interruption
from gandl.workflow.jobs import is_ours, messages

_PR_SET_PDEATHSIG = 1


class TrainingJob(BaseModel):
    """A training as a value that fits in a file: the arguments of `gandl.models.engine.training.train`.

    Attributes
    ----------
    objective : what is learned; its class says of which class the settings are.
    labels : table of a supervised one (`gandl.tables.LABELS`).
    channels : that are trained on; None: all.
    pretrained : published weights of the frozen network that the objective rests on; None: those that come with a package.
    tiles : table of tiles of the stores, which are shown instead of crops of their sites; their side is the networks' crop.
    probe_tables : `sites` and `splits` of the probe; None: no probe.
    gpus : that the whole training computes on; 0: the CPU.
    nodes : machines of a Slurm job that it runs on, with as many GPUs on each.
    threads : that read images beside a GPU (beside the CPU one does).
    log : where messages go besides standard error.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stores: tuple[Path, ...]
    settings: SerializeAsAny[RecipeSettings]
    seed: int
    weights: Path
    curve: Path
    samples: Path
    checkpoints: Path
    objective: str = DEFAULT
    labels: Path | None = None
    channels: tuple[str, ...] | None = None
    pretrained: Path | None = None
    tiles: Path | None = None
    probe_tables: tuple[Path, Path] | None = None
    gpus: int = 0
    nodes: int = 1
    threads: int = 1
    log: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _own_settings(cls, values: Any) -> Any:
        """Settings from a file are those of the objective's class."""
        if isinstance(values, dict) and isinstance(values.get("settings"), dict):
            kind = objective_of(values.get("objective", DEFAULT)).settings_type
            return {**values, "settings": kind.model_validate(values["settings"])}
        return values


def work(job: TrainingJob, ranks: Ranks = ALONE) -> None:
    """Train as one of the ranks."""
    here = int(os.environ.get("LOCAL_WORLD_SIZE", ranks.size))  # of several machines each has its share of the GPUs
    device = choose_device(min(job.gpus, here), ranks.local_rank)
    with together(ranks, device):
        probe, name = None, ""
        if job.probe_tables is not None:
            sites, splits = job.probe_tables
            name = probe_id(sites, splits)
            if ranks.writes:
                assert isinstance(job.settings, TrainingSettings)
                probe = build_probe(job.stores, sites, splits, job.settings)
        train(
            job.stores,
            job.settings,
            job.seed,
            job.weights,
            job.curve,
            job.samples,
            job.checkpoints,
            probe,
            name,
            device=device,
            ranks=ranks,
            threads=job.threads if job.gpus else 1,
            live=None if job.log is None else job.log.with_suffix(".csv"),
            objective=job.objective,
            supervision=None if job.labels is None else Supervision.read(job.labels),
            channels=job.channels,
            pretrained=job.pretrained,
            tiles=_tiles(job),
        )


def _tiles(job: TrainingJob) -> TileStore | None:
    """The tiles that a job is trained on, if it is."""
    if job.tiles is None:
        return None
    manifests = [store.with_suffix(".manifest.json") for store in job.stores]
    return open_tiles(job.tiles, manifests, job.settings.crop, job.settings.resolution)


def main(path: Path) -> int:
    """Train as the environment says; gives the exit code. Signals before and after training end this process in order, too."""
    ranks = ranks_of_environment()
    job = TrainingJob.model_validate_json(path.read_text(encoding="utf-8"))
    _end_with_launcher()
    if not ranks.writes:
        logging.getLogger("gandl").addHandler(logging.NullHandler())
    try:
        with Interruption() as stop, stop.at_once():
            if ranks.writes:
                with messages(job.log):
                    work(job, ranks)
            else:
                work(job, ranks)
    except Interrupted as stopped:
        return _report(ranks, Ending.INTERRUPTED, stopped, EXIT_CODE)
    except Exception as error:
        return _report(ranks, Ending.MISTAKE if is_ours(error) else Ending.DEFECT, error, 1)
    return 0


def _report(ranks: Ranks, ending: Ending, error: BaseException, code: int) -> int:
    """Report to the launcher if there is one, else on standard error."""
    trace = "".join(traceback.format_exception(error)) if ending is Ending.DEFECT else ""
    sentence = str(error) if ending is Ending.INTERRUPTED else f"{type(error).__name__}: {error}"
    if not write_report(ranks.rank, ending, sentence, trace):
        print(trace or sentence, file=sys.stderr)
    return code


def _end_with_launcher() -> None:
    """Have the system send SIGTERM when the launcher dies, so that no orphan keeps computing (Linux only)."""
    if REPORTS in os.environ and sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
