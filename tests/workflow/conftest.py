"""One tiny run of the whole workflow, in a copy of the project, shared by the tests of this folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from gandl.config import Config
from gandl.config_files import to_yaml
from synthetic_plate import write_mirror

COPIED = ("Snakefile", "rules", "envs", "profiles", "workflow", "config", "resources", "src", "requirements.lock")

TINY = {
    "run": "tiny",
    "training": {
        "network": {"crop": 16, "channel_base": 128, "channel_max": 16, "style_dim": 16, "feature_dim": 16},
        "images": 64,
        "batch": 8,
        "checkpoint_images": 32,
        "probe_points": 2,
        "probe_stride": 160,
    },
    "embeddings": {"featurizers": ["gandl_blocks", "segmentation"], "stride": 160},
    "normalization": {"methods": ["unlabelled", "none"]},
    "evaluation": {"svm_c": [0.01, 0.1], "bootstrap": 50},
    "figures": {"dpi": 60},
}


@dataclass(frozen=True)
class Project:
    """A copy of the project with its mirror; commands run in it, with its own source first on the path."""

    folder: Path
    mirror: Path

    def snakemake(self, *arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run snakemake; `path` comes before everything else on Python's path."""
        paths = [str(entry) for entry in (path, self.folder / "src") if entry]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "snakemake", *arguments]
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run with the tiny configuration; targets first."""
        return self.snakemake(
            *arguments, "--cores", "2", "--configfile", "config/tiny.yaml", "--config", f"mirror={self.mirror}"
        )

    def planned(self, *arguments: str) -> dict[str, int]:
        """Rules that a dry run would run, with the number of their jobs (`all` and other gathering rules left out)."""
        result = self.run(*arguments, "--dry-run")
        assert result.returncode == 0, result.stdout + result.stderr
        stats = re.findall(r"^(\w+) +(\d+)$", result.stdout + result.stderr, flags=re.MULTILINE)
        return {rule: int(count) for rule, count in stats if rule not in ("all", "figures", "report", "total")}

    def configure(self, changes: dict[str, object]) -> None:
        config = Config.model_validate(_merged(TINY, changes))
        (self.folder / "config/tiny.yaml").write_text(to_yaml(config, "A tiny run for tests."), encoding="utf-8")


def _merged(base: dict, changes: dict) -> dict:
    return {
        **base,
        **{
            key: _merged(base.get(key, {}), value) if isinstance(value, dict) else value
            for key, value in changes.items()
        },
    }


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Project:
    """A copy of the project, with a synthetic plate in its mirror and nothing run yet."""
    folder = tmp_path_factory.mktemp("project")
    for name in COPIED:
        source = repository / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(source, folder / name)
    mirror = tmp_path_factory.mktemp("mirror")
    write_mirror(mirror, repository / "resources/bbbc013_platemap.csv")
    copy = Project(folder, mirror)
    copy.configure({})
    return copy


@pytest.fixture(scope="session")
def finished(project: Project) -> Project:
    """The same copy after one whole run."""
    result = project.run()
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-6000:]
    return project
