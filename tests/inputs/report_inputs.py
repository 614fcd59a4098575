"""Everything that the audit reads, small and made up, for the tests of the report; and the words of its page."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd

from gandl.config import Config
from gandl.config.files import read_config
from gandl.report.audit import AuditInputs, write_audit
from gandl.report.made.provenance import write_provenance
from gandl.source.remote.datasets import read_datasets
from gandl.source.screens.bbbc013 import write_sites
from gandl.tables import CURVE, NUMBERS, write_table
from table_rows import number_row

FEATURIZERS = {"gandl": 0.3, "gandl_blocks": 0.55, "gandl_untrained": 0.1, "intensity": -0.2, "segmentation": 0.5}
"""Featurizer: Z' over all rows."""
LOCATION = "data.broadinstitute.org/bbbc/BBBC013/BBBC013_v1_images_bmp.zip"
EC50 = {"Wortmannin": 0.012, "LY294002": 5.0}


RollBack = tuple[int, float, float]
"""Images at which training rolled back; learning rate and gamma that it went on with."""


NUCLEI = number_row(
    question="images",
    featurizer="segmentation",
    normalization="none",
    split="all_wells",
    metric="nuclei_per_field",
    value=168.0,
    low=166.0,
    high=170.0,
    n=96,
)


def controls(featurizer: str, z_prime: float, half: float = 0.15) -> list[dict[str, object]]:
    """Numbers of one featurizer as evaluation writes them; rows E-H a little worse, A-D a little better."""
    shifts = {"leave_row_out:A-H": (0.0, 24), "leave_row_out:A-D": (0.05, 12), "leave_row_out:E-H": (-0.05, 12)}
    shifts |= {"probe:A-D": (0.1, 12), "confirmation:E-H": (-0.1, 12)}
    rows = []
    for split, (shift, n) in shifts.items():
        for metric, value in {"z_prime": z_prime + shift, "ssmd": 8.0 + shift, "accuracy": 0.96}.items():
            interval = {"value": value, "low": value - half, "high": value + half}
            rows.append(number_row(featurizer=featurizer, split=split, metric=metric, n=n, **interval))
    return rows


def ratio(z_prime: float) -> list[dict[str, object]]:
    """Numbers of the segmentation's ratio by itself."""
    rows = []
    for split, n in {"no_training:A-H": 24, "no_training:A-D": 12, "no_training:E-H": 12}.items():
        for metric, value in {"z_prime": z_prime, "ssmd": 10.0}.items():
            interval = {"value": value, "low": value - 0.1, "high": value + 0.1}
            rows.append(
                number_row(
                    featurizer="nuclear_over_ring", normalization="none", split=split, metric=metric, n=n, **interval
                )
            )
    return rows


def doses(featurizer: str, ec50: dict[str, float]) -> list[dict[str, object]]:
    rows = []
    for treatment, value in ec50.items():
        common = {
            "question": "dose_response",
            "featurizer": featurizer,
            "split": f"leave_row_out:{treatment}",
            "n": 36,
        }
        rows.append(number_row(**common, metric="ec50_um", value=value, low=value / 1.5, high=value * 1.5))
        rho = 0.05 if math.isnan(value) else 0.9
        rows.append(number_row(**common, metric="rises_with_dose", value=rho, low=rho - 0.1, high=rho + 0.05))
    return rows


@dataclass
class Screen:
    """What a run found, to be changed by a test before `write`."""

    z_primes: dict[str, float] = field(default_factory=lambda: dict(FEATURIZERS))
    ratio: float = 0.67
    ec50: dict[str, float] = field(default_factory=lambda: dict(EC50))
    provenance: dict[str, Any] = field(default_factory=dict)
    half: float = 0.15
    roll_backs: dict[int, list[RollBack]] = field(default_factory=lambda: {0: []})

    def write(self, folder: Path, repository: Path) -> AuditInputs:
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for name, z_prime in self.z_primes.items():
            rows = controls(name, z_prime, self.half) + ([*ratio(self.ratio), NUCLEI] if name == "segmentation" else [])
            for what, table in {"controls": rows, "doses": doses(name, self.ec50)}.items():
                paths.append(folder / f"{name}.{what}.parquet")
                write_table(pd.DataFrame(table), paths[-1], NUMBERS)
        sites = folder / "sites.parquet"
        write_sites(repository / "resources/bbbc013_platemap.csv", sites)
        provenance = folder / "provenance.json"
        write_run(provenance, folder, repository)
        content = json.loads(provenance.read_text()) | self.provenance
        provenance.write_text(json.dumps(content))
        return AuditInputs(
            numbers=paths,
            provenance=provenance,
            references=repository / "resources/paper_values.csv",
            sites=sites,
            curves=[write_curve(folder, seed, backs) for seed, backs in self.roll_backs.items()],
        )


class Text(HTMLParser):
    """The words of a page, without its style."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.silent = False
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent = self.silent or tag == "style"
        self.loads += [f"{tag} {name}={value}" for name, value in attrs if name in ("src", "srcset", "data", "poster")]
        self.loads += [tag] if tag in ("script", "link", "iframe", "object", "embed", "base") else []

    def handle_endtag(self, tag: str) -> None:
        self.silent = self.silent and tag != "style"

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.words.append(data)


def read(page: str) -> Text:
    parser = Text()
    parser.feed(page)
    parser.close()
    return parser


def audit(screen: Screen, folder: Path, repository: Path) -> tuple[str, str]:
    """Words of the page (single spaces) and the summary."""
    write_audit(screen.write(folder, repository), folder / "audit.html", folder / "summary.txt")
    words = " ".join(" ".join(read((folder / "audit.html").read_text()).words).split())
    return words, (folder / "summary.txt").read_text()


def write_curve(folder: Path, seed: int, roll_backs: list[RollBack]) -> Path:
    """A training curve with these roll-backs, as training writes it."""
    rows = [(images, images // 16, "loss_generator", 0.7) for images in range(1600, 20_000, 1600)]
    for course, (images, *used) in enumerate(roll_backs, start=1):
        values = zip(("roll_back", "learning_rate", "r1_gamma"), (course, *used), strict=True)
        rows += [(images, images // 16, metric, float(value)) for metric, value in values]
    path = folder / f"seed_{seed}" / "curve.parquet"
    path.parent.mkdir(exist_ok=True)
    write_table(pd.DataFrame(rows, columns=CURVE.names), path, CURVE)
    return path


def plate_config(repository: Path, **changes: Any) -> Config:
    """The configuration of the real plate, changed."""
    return read_config(repository / "config/bbbc013.yaml").model_copy(update=changes)


def write_run(output: Path, folder: Path, repository: Path, *, mirror: str | None = None, **changes: Any) -> None:
    """Write provenance of a made-up run whose downloads and benchmarks lie below `folder`."""
    archive = folder / "downloads" / LOCATION
    archive.parent.mkdir(parents=True, exist_ok=True)
    archive.write_bytes(b"not really a zip")
    manifest = folder / "images/bbbc013/BBBC013_1.manifest.json"
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text("{}")
    benchmarks = folder / "benchmarks"
    write_benchmark(benchmarks / "models/gandl_seed_0.jsonl", s=610.2, max_rss=900.4, cpu_time=1100.0)
    write_benchmark(benchmarks / "embeddings/bbbc013_gandl_BBBC013_1.jsonl", s=31.0, max_rss=700.0, cpu_time=40.0)
    write_benchmark(benchmarks / "source/bbbc013_sites.jsonl", s=0.4, max_rss="NA", cpu_time=0.0)
    arguments: dict[str, Any] = {
        "config": plate_config(repository, mirror=mirror),
        "repository": repository,
        "code": {"training": "0123456789abcdef", "sites": {"bbbc013": "fedcba9876543210"}},
        "workflow": [repository / "Snakefile", repository / "rules/report.smk"],
        "lock": repository / "requirements.lock",
        "archives": [archive],
        "downloads": read_datasets(repository / "resources/datasets.csv"),
        "manifests": [manifest],
        "tables": [repository / "resources/bbbc013_platemap.csv"],
        "benchmarks": benchmarks,
        "outputs": {},
    }
    write_provenance(output, **(arguments | changes))


def write_benchmark(path: Path, **values: object) -> None:
    """One line as Snakemake writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"h:m:s": "0:00:01", "mean_load": 0.0, **values}) + "\n")
