"""`gandl dag`: takes the rule graph that Snakemake prints, makes a picture of it below the folder of the run.

`make dag` draws the whole run, `make dag ARGS=figure_4` what one figure needs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gandl.config.files import read_config
from gandl.report.made.graph import GraphError, draw, read_rule_graph, stages_of_rules
from gandl.workflow.files import atomic


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    command = commands.add_parser("dag", help="draw the rule graph that `snakemake --rulegraph mermaid-js` prints")
    command.add_argument("targets", nargs="*", help="what was asked for; everything if nothing is named")
    command.add_argument("--configfile", type=Path, default=Path("config/config.yaml"))
    command.add_argument("--rules", type=Path, default=Path("rules"), help="folder of the rule files")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Draw the graph on the standard input; print where the picture is."""
    config = read_config(options.configfile)
    try:
        graph = read_rule_graph(sys.stdin.read(), stages_of_rules(sorted(options.rules.rglob("*.smk"))))
    except GraphError as mistake:
        sys.exit(str(mistake))
    results = Path("results") / config.run
    asked = [_name(Path(target), results) for target in options.targets]
    output = results / "dag" / f"{'_'.join(asked) or 'all'}.svg"
    output.parent.mkdir(parents=True, exist_ok=True)
    about = f"what {', '.join(asked)} needs" if asked else "every rule"
    with atomic(output) as partial:
        partial.write_text(draw(graph, f"{config.run}: {about}, by stage", asked), encoding="utf-8")
    print(f"open {output}")


def _name(target: Path, results: Path) -> str:
    """What a target is called: the rule, or a file by its place in the run, since files of two stages may share a name."""
    place = target.relative_to(results) if target.is_relative_to(results) else target
    return "_".join(place.with_suffix("").parts)
