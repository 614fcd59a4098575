"""The command line besides Snakemake's: `gandl check` checks your own plates, `gandl evaluate` evaluates your own embeddings,
`gandl plan` prints what a run will move and make, `gandl finish` what it found, `gandl dag` draws its rules."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from gandl.commands import check as commands_check, dag as commands_dag, evaluate as commands_evaluate
from gandl.commands.plan import plan_lines
from gandl.commands.planning.jobs import JobsError, jobs_of
from gandl.config import Config
from gandl.config.files import read_config


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; `gandl --help` lists them."""
    parser = argparse.ArgumentParser(prog="gandl", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, help_text in (
        ("plan", "what a run will download, store and train"),
        ("finish", "what a run found, and which file to open"),
        ("report-path", "where Snakemake's report of a run is"),
    ):
        command = commands.add_parser(name, help=help_text)
        command.add_argument("--configfile", type=Path, default=Path("config/config.yaml"))
        if name == "plan":
            command.add_argument("--mirror", default=None, help="folder or base URL used instead of the official hosts")
            command.add_argument("--profile", default=None, help="of Snakemake, by which jobs would be submitted")
            command.add_argument(
                "target",
                nargs=argparse.REMAINDER,
                help="targets of the workflow, then options of Snakemake (default: everything)",
            )
    commands_check.add_parser(commands)
    commands_evaluate.add_parser(commands)
    commands_dag.add_parser(commands)
    options, unknown = parser.parse_known_args(arguments)
    if unknown:  # the command's own usage, not that of `gandl`
        commands.choices[options.command].error(f"unrecognized arguments: {' '.join(unknown)}")
    if options.command in ("check", "dag", "evaluate"):
        options.run(options)
        return
    config = read_config(options.configfile)
    if options.command == "plan":
        arguments = [word for word in options.target if word != "--"]
        target = " ".join(takewhile(lambda word: not word.startswith("-"), arguments))
        try:
            jobs = jobs_of(arguments, options.configfile, options.mirror, options.profile)
            lines = plan_lines(
                config, options.mirror or config.mirror, jobs=jobs, target=target, elsewhere=options.profile is not None
            )
        except (
            OSError,
            ValueError,
            JobsError,
        ) as mistake:  # a plate map with mistakes, no such target: the sentences are in it
            sys.exit(str(mistake))
        print("\n".join(lines))
    elif options.command == "finish":
        print("\n".join(finish_lines(config)))
    else:
        print(report_path(config))


def report_path(config: Config) -> Path:
    """Snakemake's report of a run."""
    return Path("results") / config.run / "report.zip"


def finish_lines(config: Config) -> list[str]:
    """What a run found, as its audit wrote it, and which files to open."""
    folder = Path("results") / config.run
    report = folder / "report"
    summary = report / "summary.txt"
    found = summary.read_text(encoding="utf-8").splitlines() if summary.exists() else ["The run is not finished yet."]
    pages = (
        report / "audit.html",
        report / "explorer.html",
        report_path(config).with_suffix(".html"),
        report_path(config),
    )
    files = [path for path in pages if path.exists()]
    figures = [f"figures, with the data they draw: {folder / 'figures'}/"] if (folder / "figures").exists() else []
    return [*found, "", *(f"open {path}" for path in files), *figures]


if __name__ == "__main__":
    main()
