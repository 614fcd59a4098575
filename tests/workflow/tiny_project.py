"""A copy of the project with a tiny configuration and a synthetic plate in its mirror, in which Snakemake runs."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from gandl.commands.planning.jobs import Job, read_jobs
from gandl.config import Config
from gandl.config.files import to_yaml
from gandl.workflow.made_of import GATHERING
from warm_python import WORKS, warm_python

COPIED = ("Snakefile", "rules", "envs", "profiles", "workflow", "config", "resources", "src", "requirements.lock")

TINY = {
    "run": "tiny",
    "training": {
        "network": {"crop": 16, "channel_base": 128, "channel_max": 16, "style_dim": 16, "feature_dim": 16},
        "images": 64,
        "batch": 8,
        "checkpoint_images": 32,
        "looks": 2,
        "probe_stride": 160,
    },
    "embeddings": {"featurizers": ["gandl_blocks", "segmentation"], "stride": 160, "blocks": []},
    "normalization": {"methods": ["unlabelled", "none"]},
    "evaluation": {"svm_c": [0.01, 0.1], "bootstrap": 50, "score_curves": 40},
    "figures": {"dpi": 60},
}

"""Changes of `config/bbbc013.yaml` that make it run in seconds."""

SMALL = {"resolution": 32, "batch": 8, "checkpoint_images": 32, "looks": 1, "weights": "last"}
"""Of every training beside the GAN's."""

TINY_SIMULATED = {
    **TINY,
    "source": {
        "simulation": {
            "image_px": 64,
            "hrce_plates": 1,
            "vero_plates": 1,
            "compounds": 3,
            "sites": 2,  # with one, counts of cells are so few and equal that they separate nothing
            "rxrx1_experiments": 2,
            "rxrx1_sirnas": 3,
        },
        "rxrx19a": {"image_px": 64},
        "rxrx1": {"image_px": 32, "stores": ["HUVEC-01", "HUVEC-02", "RPE-01", "RPE-02"]},
    },
    "images": {"resolutions": {"rxrx19a": [32], "rxrx1": [32]}, "shard_sites": 8},
    "training": {**TINY["training"], "resolution": 32, "probe_stride": 16},
    "counterparts": {
        "baseline": {
            **SMALL,
            "images": 32,
            "network": {
                "crop": 16,
                "growth": 2,
                "init_features": 4,
                "blocks": [1, 1],
                "embedding_dim": 8,
                "norm_group": 8,
            },
        },
        "conv_ae": {
            **SMALL,
            "network": {"crop": 16, "channel_base": 128, "channel_max": 16, "code_dim": 12},
            "images": 64,
            "quality_crops": 16,
            "held_out": 0.2,
        },
        "collapsed": {**SMALL, "network": {"crop": 16}, "images": 8, "batch": 2},
    },
    "embeddings": {
        "featurizers": [
            "gandl",
            "gandl_blocks",
            "densenet161_arcface",
            "imagenet_collapsed",
            "imagenet_concatenated",
            "conv_ae",
            "cell_count",
            "cell_measurements",
        ],
        "stride": 16,
        "resolutions": {"rxrx19a": 32, "rxrx1": 32},
    },
    "normalization": {"methods": ["unlabelled"]},
    "compute": {"threads": 1},
}
"""Changes of `config/config.yaml`: jobs of one thread, so that two run at a time."""


TINY_COMPARISON = {
    "run": "tiny",
    "source": {
        "simulation": {
            "cell_lines": {"lines": 3, "plates": 1, "vehicle_wells": 10, "drug_wells": 5, "image_px": 64, "effect": 2.0}
        },
        "cell_lines": {"image_px": 64},
    },
    "images": {"resolutions": {"cell_lines": [64]}, "shard_sites": 16},
    "training": {"resolution": 64, "network": {"crop": 16, "channel_base": 128, "channel_max": 16}},
    "counterparts": {
        name: {"resolution": 64, "network": {"crop": 16}} for name in ("baseline", "conv_ae", "collapsed")
    },
    "embeddings": {"resolutions": {"cell_lines": 64}},
    "comparison": {
        "settings": ["aug_multi_crop"],
        "seeds": [0, 1],
        "tiles": {"side": 32, "per_well": None, "per_held_out_well": None, "held_out": 0.4, "validation": 0.2},
        "recipe": {
            "network": {"crop": 32, "hidden": 16},
            "resolution": 32,
            "images": 64,
            "batch": 16,
            "checkpoint_images": 32,
            "looks": 1,
            "validation_images": 16,
            "byol": {"hidden": 16, "projection": 8},
            "dino": {"outputs": 16, "hidden": 16, "bottleneck": 8},
            "gandl": {"network": {"crop": 32, "channel_base": 128, "channel_max": 16}, "batch": 8},
        },
        "tasks": {
            "head": {"learning_rates": [0.1], "momenta": [0.9], "epochs": 2, "hidden": 8, "components": 16},
            "svm_c": [0.001],
            "clustering": {"sizes": [4, 6], "drop_up_to": 0, "epochs": 20},
            "bootstrap": 50,
        },
    },
    "figures": {"dpi": 60},
    "compute": {"threads": 1},
}
"""Changes of `config/comparison.yaml`: eight of its twenty setups, two seeds, three cell lines."""


def copy_of(repository: Path, folder: Path) -> Path:
    """Copy what a run needs of the project into a folder, compiled files with it; the folder."""
    for name in COPIED:
        source = repository / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("*.egg-info"))
        else:
            shutil.copy(source, folder / name)
    return folder


@dataclass(frozen=True)
class Project:
    """A copy of the project with its mirror; commands run in it, with its own source first on the path.

    preset, tiny : the configuration that runs are made of, and what makes it small.
    """

    folder: Path
    mirror: Path | None
    preset: str = "bbbc013"
    tiny: dict[str, object] = field(default_factory=lambda: TINY)

    def snakemake(self, *arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run snakemake and its jobs in processes that have imported their libraries (`warm_python`).

        With a `path`, which comes before everything else on Python's path, in new ones.
        """
        command = [sys.executable, "-m", "snakemake", *arguments]
        if path is None and WORKS:
            python, snakemake = warm_python()
            command = [str(python), str(snakemake), str(python), *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self._environment(path), capture_output=True, text=True, check=False
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run with the tiny configuration; targets first."""
        return self.snakemake(*arguments, "--cores", "2", *self._options())

    def _options(self) -> list[str]:
        options = ["--configfile", "config/tiny.yaml"]
        return options if self.mirror is None else [*options, "--config", f"mirror={self.mirror}"]

    def kill_when(self, condition: Callable[[], bool], *targets: str) -> None:
        """Start a run and kill it, with all its jobs, as soon as a condition holds."""
        command = [sys.executable, "-m", "snakemake", *targets, "--cores", "1", *self._options()]
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(
            command, cwd=self.folder, env=self._environment(None), stdout=quiet, stderr=quiet, start_new_session=True
        )
        while not condition():
            assert process.poll() is None, "the run ended before it could be killed"
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _environment(self, path: Path | None) -> dict[str, str]:
        paths = [str(entry) for entry in (path, self.folder / "src") if entry]
        return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}

    def planned(self, *arguments: str) -> dict[str, int]:
        """Rules that a dry run would run, with the number of their jobs (`all` and other gathering rules left out)."""
        result = self.run(*arguments, "--dry-run")
        assert result.returncode == 0, result.stdout + result.stderr
        stats = re.findall(r"^(\w+) +(\d+)$", result.stdout + result.stderr, flags=re.MULTILINE)
        return {rule: int(count) for rule, count in stats if rule not in (*GATHERING, "total")}

    def jobs(self, *arguments: str) -> list[Job]:
        """Every job that a dry run would run, with its outputs and wildcards."""
        result = self.run(*arguments, "--dry-run")
        assert result.returncode == 0, result.stdout + result.stderr
        return read_jobs(result.stdout + result.stderr)

    def configure(self, changes: dict[str, object]) -> None:
        preset = yaml.safe_load((self.folder / f"config/{self.preset}.yaml").read_text(encoding="utf-8"))
        config = Config.model_validate(_merged(_merged(preset, self.tiny), changes))
        (self.folder / "config/tiny.yaml").write_text(to_yaml(config, "A tiny run for tests."), encoding="utf-8")


MAPS = ("resolutions", "rescale")
"""Keys whose value is a map: replaced as a whole."""


def _merged(base: dict, changes: dict) -> dict:
    return {
        **base,
        **{
            key: _merged(base.get(key) or {}, value) if isinstance(value, dict) and key not in MAPS else value
            for key, value in changes.items()
        },
    }
