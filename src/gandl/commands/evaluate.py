"""The command `gandl evaluate`: evaluates features that were made elsewhere, without Snakemake: splits, profiles, every question
that they can answer, and a summary in words.

`add_parser` declares the command, `run` does it; what is heavy is imported only when it runs.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import Batch, EvaluationSettings, Normalization, NormalizationSettings, Reference
from gandl.own_features.questions import ASKED

if TYPE_CHECKING:
    from gandl.own_features.request import Request

DESCRIPTION = """\
Evaluate embeddings (or any other features) of your own: how far apart controls are, dose response, hits (compounds above the
negative controls at doses not found toxic), cell types, and featurizers against each other on the same wells; each number with
its interval, every well scored by a model that was not trained on it. Nothing else of gandl is needed: no images, no training, no
Snakemake.

examples:
  gandl evaluate --embeddings features.parquet --sites sites.csv --out results/mine
  gandl evaluate --embeddings plate1_normalized.csv.gz --positive taxol --negative DMSO --out results/plate1
  gandl evaluate --embeddings features.csv --wells wells.csv --positive taxol --negative DMSO --out results/mine
  gandl evaluate --embeddings mine=mine.parquet --embeddings theirs=theirs.parquet --sites sites.csv --out results/both
"""
EPILOG = """\
what an embeddings table is (CSV, .csv.gz or parquet; separated by commas, semicolons or tabs):
  site_id, feature_0, feature_1, ...     a row per image; any names that begin with feature_
  well_id, feature_0, feature_1, ...     a row per well
  Metadata_Plate, Metadata_Well, ...     a profile as pycytominer writes it: all other columns of numbers are features;
                                         with Metadata_Site a row per image, else a row per well
  a folder of parquet files              all of one featurizer, as results/<run>/embeddings/<screen>/<featurizer>/

what the table of sites says, a row per image or per well (columns as in docs/your-plates.md, without files):
  site_id or well_id    the same names as in the embeddings
  well                  A01 ... AF48; needed
  plate, experiment     names or numbers; one plate where there is no such column
  control               positive, negative, none or empty; also pos, neg, poscon, negcon, or Metadata_control_type with these
  treatment, concentration_um (or dose_nM ...), cell_type, condition: what was done, and to what
Without --sites the metadata of the first embeddings say it; --wells names a table of wells or a plate map beside them.
--positive and --negative look for what wells were given in all of these.

normalisations (--normalization METHOD ...), each plate in units of
  unlabelled            its wells that are not controls (right where most treatments do nothing)
  negative              its negative controls; those that are tested look better than they are
  negative_crossfit     its negative controls without those that are tested
  mock                  its wells without any treatment
or fitted on the wells that are not controls (--reference negative: on the negative controls)
  mad                   each plate by median and median absolute deviation
  tvn                   the whole screen whitened, then the plates aligned (CORAL; --batch experiment: the batches)
  spherize              the whole screen whitened
  global                in units of the whole screen
or nothing
  none                  raw profiles
Z' and EC50 depend on it; the summary says which one was chosen, and why.

what comes out, below --out:
  summary.txt           which questions were answered, with the main numbers, and why others were not
  evaluation/           tidy tables of all numbers, scores, curves and hits, named as those of the workflow (docs/outputs.md)
  normalization/        profiles of wells;   source/   the sites table and the splits

Exit status: 0 where at least one question was answered, 2 where tables cannot be used (one sentence says why).
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Declare `gandl evaluate` among the commands."""
    parser = commands.add_parser(
        "evaluate",
        help="evaluate your own embeddings: controls, dose response, hits, cell types",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--embeddings",
        action="append",
        required=True,
        metavar="[NAME=]TABLE",
        help="table of embeddings; several, each with a name, are compared on the same wells",
    )
    add("--sites", type=Path, metavar="TABLE", help="table of sites or wells (default: the metadata of the embeddings)")
    add("--wells", type=Path, metavar="CSV", help="what was done to the wells: a table of wells, or a plate map")
    add(
        "--out",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="where results go: a new folder, or one of an earlier evaluation",
    )
    wells = parser.add_argument_group("controls that the tables do not name as such")
    for kind, example in (("positive", "taxol"), ("negative", "DMSO")):
        wells.add_argument(
            f"--{kind}",
            action="append",
            default=[],
            metavar="[COLUMN=]VALUE",
            help=f"{kind} controls: what they were given, or a value of a column (--{kind} {example})",
        )
    how = parser.add_argument_group("how")
    how.add_argument(
        "--normalization",
        nargs="+",
        action="extend",
        default=[],
        choices=[method.value for method in Normalization],
        metavar="METHOD",
        help="how plate effects are removed (listed below); several, or the option again, to compare them, the one of most "
        "questions first (default: the one that gandl check proposes for such plates, and none)",
    )
    how.add_argument(
        "--reference",
        choices=[reference.value for reference in Reference],
        default=NormalizationSettings().reference.value,
        help="wells on which mad, tvn, spherize and global are fitted (default: %(default)s)",
    )
    how.add_argument(
        "--batch",
        choices=[batch.value for batch in Batch],
        default=NormalizationSettings().batch.value,
        help="what tvn aligns (default: %(default)s)",
    )
    how.add_argument(
        "--questions",
        nargs="+",
        default=list(ASKED),
        choices=ASKED,
        metavar="QUESTION",
        help=f"some of {', '.join(ASKED)}",
    )
    how.add_argument("--truth", type=Path, metavar="PARQUET", help="the truth of a simulated screen, for calibration")
    how.add_argument("--seed", type=_seed, default=0, help="of the splits and of the bootstrap (default: 0)")
    how.add_argument(
        "--bootstrap",
        type=_draws,
        default=EvaluationSettings().bootstrap,
        metavar="N",
        help="draws of each interval (default: %(default)s)",
    )
    how.add_argument(
        "--drop-nan", action="store_true", help="leave out features that are empty or infinite in some row"
    )
    how.add_argument(
        "--keep-profiles",
        action="store_true",
        help="keep profiles of images and embeddings by part, too: as large as the tables",
    )
    parser.set_defaults(run=run)
    return parser


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0")
    return int(text)


def _draws(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1")
    return int(text)


def run(options: argparse.Namespace) -> None:
    """Evaluate, and print the summary.

    Raises
    ------
    SystemExit : status 2 where tables cannot be used, or no question could be answered; the sentence is printed.
    """
    from gandl.own_features.evaluate import evaluate
    from gandl.workflow.jobs import is_ours, messages

    try:
        request = request_of(options)
        with messages(None):
            lines = evaluate(request)
    except KeyboardInterrupt:
        _end("stopped by Ctrl-C; the same command begins anew")
    except Exception as error:
        if not is_ours(error):
            raise
        _end(str(error))
    print("\n".join(lines))


def _end(sentence: str) -> None:
    print(f"gandl evaluate: {sentence}", file=sys.stderr)
    sys.exit(2)


def request_of(options: argparse.Namespace) -> Request:
    """What the command's options request.

    Raises
    ------
    gandl.own_features.feature_table.FeaturesError : two featurizers of one name, or a name that is none.
    """
    from gandl.own_features.request import Request
    from gandl.own_features.sites_of import Controls

    return Request(
        features=featurizers(options.embeddings),
        out=options.out,
        questions=tuple(dict.fromkeys(options.questions)),
        sites=options.sites,
        wells=options.wells,
        methods=tuple(Normalization(name) for name in dict.fromkeys(options.normalization)),
        normalization=NormalizationSettings(reference=Reference(options.reference), batch=Batch(options.batch)),
        settings=EvaluationSettings(bootstrap=options.bootstrap),
        seed=options.seed,
        controls=Controls(tuple(options.positive), tuple(options.negative)),
        truth=options.truth,
        drop_nan=options.drop_nan,
        keep_profiles=options.keep_profiles,
    )


def featurizers(given: Sequence[str]) -> dict[str, Path]:
    """Table of every featurizer by its name, in order: `NAME=table`, or a table that is named after its file.

    Raises
    ------
    gandl.own_features.feature_table.FeaturesError : two of one name.
    """
    from gandl.own_features.feature_table import FeaturesError

    found: dict[str, Path] = {}
    for text in given:
        match = re.fullmatch(r"([A-Za-z0-9][\w-]*)=(.+)", text)
        path = Path(match[2] if match and not Path(text).exists() else text)
        name = (
            match[1]
            if match and not Path(text).exists()
            else re.sub(r"[^\w-]+", "_", path.name.partition(".")[0]).strip("_-")
        )
        if not name:
            raise FeaturesError(f"give {path} a name: --embeddings NAME={path}")
        if name in found:
            raise FeaturesError(
                f"two featurizers are named {name}: {found[name]} and {path}; name them by --embeddings NAME=table"
            )
        found[name] = path
    return found
