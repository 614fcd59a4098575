"""The command line beside Snakemake's: `gandl plan` tells what a run will move and make, `gandl finish` what it found."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gandl.config import Config
from gandl.config_files import read_config
from gandl.source.catalogue import downloads_of
from gandl.source.datasets import Download
from gandl.source.origin import FOLDER, kind_of

DOWNLOADS = Path("results/downloads")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; `gandl --help` lists them."""
    parser = argparse.ArgumentParser(prog="gandl", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, help_text in (
        ("plan", "what a run will download, store and train"),
        ("finish", "what a run found, and which file to open"),
        ("report-path", "where Snakemake's report of a run lies"),
    ):
        command = commands.add_parser(name, help=help_text)
        command.add_argument("--configfile", type=Path, default=Path("config/config.yaml"))
        if name == "plan":
            command.add_argument("--mirror", default=None, help="folder or base URL used instead of the official hosts")
    options = parser.parse_args(arguments)
    config = read_config(options.configfile)
    if options.command == "plan":
        try:
            lines = plan_lines(config, options.mirror or config.mirror)
        except (OSError, ValueError) as mistake:  # a plate map or table with mistakes: the sentences are in it
            sys.exit(str(mistake))
        print("\n".join(lines))
    elif options.command == "finish":
        print("\n".join(finish_lines(config)))
    else:
        print(report_path(config))


def report_path(config: Config) -> Path:
    """Snakemake's report of a run."""
    return Path("results") / config.run / "report.zip"


def plan_lines(config: Config, mirror: str | None, downloads: Path = DOWNLOADS) -> list[str]:
    """What a run moves and makes, in plain words: downloads, disk, training."""
    lines = [f"Run {config.run}: {config.source.dataset.value}"]
    for entry in downloads_of(config.source.dataset.value, Path("resources/datasets.csv")):
        present = downloads / entry.path
        size = f"{entry.bytes / 2**20:,.0f} MiB" if entry.bytes else "size not published"
        if present.exists():
            lines.append(f"  download   none: {present} is here ({present.stat().st_size / 2**20:,.0f} MiB)")
        else:
            lines.append(f"  download   {entry.url} ({size}) from {_source(mirror, entry)}")
    lines.append(f"  disk       image stores: at most {store_bytes(config) / 2**20:,.0f} MiB before compression")
    settings = config.training
    weights = Path("results") / config.run / f"models/gandl/seed_{settings.seed}/weights.safetensors"
    lines.append(
        f"  training   {settings.images:,} images of {settings.network.crop} px, batch {settings.batch}, seed {settings.seed}; "
        f"a checkpoint every {settings.checkpoint_images:,} images"
        + (f" ({weights} is here; it is made again only if the list below names it)" if weights.exists() else "")
    )
    lines.append(f"  features   {', '.join(name.value for name in config.embeddings.featurizers)}")
    return lines


def _source(mirror: str | None, entry: Download) -> str:
    """Where a file will be taken from, in words; a folder that lacks it is told here already."""
    if not mirror:
        return "its official host"
    if kind_of(mirror) == FOLDER and not (Path(mirror) / entry.path).is_file():
        return f"the mirror {mirror}, which does not hold it: {Path(mirror) / entry.path} is not there"
    return f"the mirror {mirror}"


def store_bytes(config: Config) -> int:
    """Raw bytes of a data set's image stores: every stored resolution of every channel of every site."""
    from gandl.images.bbbc013 import BYTES_PER_PIXEL, CHANNELS
    from gandl.source.bbbc013 import read_platemap

    pixels = sum(resolution**2 for resolution in config.images.resolutions)
    return len(read_platemap(Path(config.source.platemap))) * len(CHANNELS) * pixels * BYTES_PER_PIXEL


def finish_lines(config: Config) -> list[str]:
    """What a run found, as its audit wrote it, and which files to open."""
    folder = Path("results") / config.run
    summary = folder / "report" / "summary.txt"
    found = summary.read_text(encoding="utf-8").splitlines() if summary.exists() else ["The run is not finished yet."]
    files = [path for path in (folder / "report" / "audit.html", report_path(config)) if path.exists()]
    figures = [f"figures, with the data they draw: {folder / 'figures'}/"] if (folder / "figures").exists() else []
    return [*found, "", *(f"open {path}" for path in files), *figures]


if __name__ == "__main__":
    main()
