"""Bad input: the question that it affects says in one sentence what is missing, and the others, and what reads them, are made."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from gandl.config import Normalization
from gandl.evaluation.cell_model import write_cell_model
from gandl.evaluation.cell_type import write_cell_type
from gandl.evaluation.comparisons import ComparisonError, write_comparisons
from gandl.evaluation.controls import write_controls
from gandl.evaluation.dose_response import write_dose_response
from gandl.evaluation.held_out import SITE_SCORES
from gandl.evaluation.layout.question import write_layout
from gandl.evaluation.missing.answers import answer, missing_answers, reason_of
from gandl.evaluation.scores import write_scores
from gandl.evaluation.screening.screen import write_screening
from gandl.evaluation.strict.refits import REFITS
from gandl.evaluation.terms import COMPARISONS, COMPOUNDS, TREATMENTS
from gandl.evaluation.treatments import write_treatments
from gandl.source.splits import make_splits
from gandl.tables import NUMBERS, SPLITS, WELL_SCORES, read_table, write_table
from pair_inputs import SETTINGS, Screen, features, infected_sites, typed_sites, write_screen

METHOD = Normalization.UNLABELLED


class Answers:
    """What the workflow does with one featurizer, question by question, by the same wrapper of the same functions."""

    def __init__(self, folder: Path, screen: Screen, name: str = "intensity", typed: Screen | None = None) -> None:
        self.folder, self.screen, self.typed, self.name = folder, screen, typed or screen, name
        self.names = {"featurizer": name, "normalization": METHOD.value}
        self.numbers: list[Path] = []

    def file(self, name: str) -> Path:
        return self.folder / f"{self.name}.{name}.parquet"

    def ask(
        self, question: str, function: Callable[..., None], inputs: dict[str, Path], outputs: dict[str, str]
    ) -> str:
        files = {name: self.file(ending) for name, ending in outputs.items()}
        own = {} if question == "scores" else {**self.names, "seed": 0, "training_seed": 0}
        more = {"development_rows": []} if question == "controls" else {}
        call = partial(function, **inputs, **files, **own, **more, settings=SETTINGS)
        self.numbers += [files["output"]] if "output" in files else []
        return answer(call, question, inputs.values(), files, self.names)

    def all(self) -> dict[str, str]:
        """The reason of every question that has no answer, else empty."""
        wells, raw = self.screen.wells(METHOD), self.screen.wells(Normalization.NONE)
        sites, raw_sites = self.screen.site_profiles(METHOD), self.screen.site_profiles(Normalization.NONE)
        scored = {"scores": self.file("scores")}
        return {
            "scores": self.ask(
                "scores",
                write_scores,
                {"wells": wells, "sites": sites, "splits": self.screen.splits},
                {
                    "scores": "scores",
                    "site_scores": "site_scores",
                    "refits": "refits",
                    "permutations": "permutations",
                },
            ),
            "controls": self.ask(
                "controls",
                write_controls,
                {
                    **scored,
                    "sites": self.file("site_scores"),
                    "refits": self.file("refits"),
                    "permutations": self.file("permutations"),
                    "raw_wells": raw,
                },
                {"output": "controls"},
            ),
            "dose_response": self.ask(
                "dose_response",
                write_dose_response,
                {**scored, "raw_wells": raw},
                {"output": "doses", "curves": "curves", "points": "points"},
            ),
            "treatments": self.ask(
                "treatments", write_treatments, scored, {"output": "hits", "treatments": "treatments"}
            ),
            "screening": self.ask(
                "screening",
                write_screening,
                {**scored, "wells": wells, "raw_wells": raw},
                {"output": "screen", "plates": "plates", "doses": "of_doses", "compounds": "compounds"},
            ),
            "layout": self.ask("layout", write_layout, {"wells": wells, "raw_wells": raw}, {"output": "layout"}),
            "cell_model": self.ask(
                "cell_model",
                write_cell_model,
                {"wells": raw, "sites": raw_sites, "splits": self.screen.splits},
                {"output": "model", "scores": "model_scores", "site_scores": "model_sites"},
            ),
            "cell_type": self.ask(
                "cell_type",
                write_cell_type,
                {
                    "wells": self.typed.wells(Normalization.NONE),
                    "sites": self.typed.site_profiles(Normalization.NONE),
                    "splits": self.typed.splits,
                },
                {"output": "type", "confusion": "confusion", "answers": "answers"},
            ),
        }

    def table(self, name: str) -> pd.DataFrame:
        return read_table(self.file(name), NUMBERS)


def screen_of(folder: Path, sites: pd.DataFrame, values: np.ndarray | None = None) -> Screen:
    folder.mkdir(parents=True, exist_ok=True)
    sites = sites.reset_index(drop=True)
    return write_screen(folder, sites, features(sites) if values is None else values)


@pytest.fixture(scope="module")
def sites() -> pd.DataFrame:
    return infected_sites({"HRCE-1": 2, "VERO-1": 2})


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Screen:
    return screen_of(tmp_path_factory.mktemp("typed"), typed_sites({"HUVEC": 2, "RPE": 2}))


def with_values(path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Change a table of profiles behind the back of what wrote it."""
    schema = pq.read_schema(path)
    frame = change(pd.read_parquet(path))
    frame.to_parquet(path)
    assert set(frame.columns) <= set(schema.names)


def test_good_input_is_answered(tmp_path: Path, sites: pd.DataFrame, typed: Screen) -> None:
    answers = Answers(tmp_path, screen_of(tmp_path / "s", sites), typed=typed)
    assert set(answers.all().values()) == {""}
    assert not missing_answers(answers.numbers)


def test_a_constant_featurizer_gives_chance_by_ties_and_no_z_prime(
    tmp_path: Path, sites: pd.DataFrame, typed: Screen
) -> None:
    flat = screen_of(tmp_path / "s", sites, np.ones((len(sites), 4)))
    of_types = typed_sites({"HUVEC": 2, "RPE": 2})
    answers = Answers(tmp_path, flat, typed=screen_of(tmp_path / "t", of_types, np.ones((len(of_types), 4))))
    reasons = answers.all()
    assert {name for name, reason in reasons.items() if reason} == set(), reasons
    numbers = answers.table("controls")
    by_metric = {metric: part["value"] for metric, part in numbers.groupby("metric")}
    for metric in ("auc", "auc_lda", "accuracy", "balanced_accuracy"):
        assert (by_metric[metric] == 0.5).all(), metric
    for metric in ("z_prime", "robust_z_prime", "ssmd", "z_prime_lda"):
        assert by_metric[metric].isna().all(), metric
    assert (answers.table("model").query("metric == 'auc'")["value"] == 0.5).all()
    assert not read_table(answers.file("treatments"), TREATMENTS)["differs"].any()
    assert not read_table(answers.file("compounds"), COMPOUNDS)["hit"].any()
    assert answers.table("doses").query("metric == 'ec50_um'")["value"].isna().all()
    layout = answers.table("layout")
    assert layout.loc[layout["metric"] == "leak_accuracy", "value"].isna().all()
    good = Answers(tmp_path, screen_of(tmp_path / "good", sites), name="gandl")
    good.all()
    names = ["gandl", "intensity"]
    both = [answers if name == "intensity" else good for name in names]
    output = tmp_path / "floors.parquet"
    write_comparisons(
        names,
        [each.file("scores") for each in both],
        [each.file("site_scores") for each in both],
        [each.file("model_scores") for each in both],
        [each.file("model_sites") for each in both],
        [],
        SETTINGS,
        [],
        normalization=METHOD.value,
        seed=0,
        training_seeds=dict.fromkeys(names, 0),
        output=output,
    )
    found = read_table(output, COMPARISONS)
    assert (found["value"] > 0).all()
    assert len(found) > 4


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_no_numbers_stop_their_questions_alone(
    tmp_path: Path, sites: pd.DataFrame, typed: Screen, value: float
) -> None:
    screen = screen_of(tmp_path / "s", sites)

    def broken(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[3, "feature_2"] = value
        return frame

    with_values(screen.wells(METHOD), broken)
    answers = Answers(tmp_path, screen, typed=typed)
    reasons = answers.all()
    said = "feature_2 in row 4 is not a finite number"
    for question in ("scores", "controls", "dose_response", "treatments", "screening"):
        assert said in reasons[question], question
    assert "not finite" in reasons["layout"]
    assert not reasons["cell_model"]
    assert not reasons["cell_type"]
    missing = missing_answers(answers.numbers)
    assert {each.question for each in missing} == {"controls", "dose_response", "treatments", "screening", "layout"}
    for name, schema in {
        "scores": WELL_SCORES,
        "site_scores": SITE_SCORES,
        "controls": NUMBERS,
        "treatments": TREATMENTS,
        "refits": REFITS,
        "compounds": COMPOUNDS,
    }.items():
        assert read_table(answers.file(name), schema).empty
        assert reason_of(answers.file(name)) == reasons["scores"]


def test_a_featurizer_without_scores_leaves_the_others_their_comparisons(tmp_path: Path, sites: pd.DataFrame) -> None:
    screen = screen_of(tmp_path / "s", sites)
    names = ["gandl", "intensity", "cell_count"]
    answered = {name: Answers(tmp_path, screen, name=name) for name in names}
    for name in names[:2]:
        answered[name].all()
    lost = answered["cell_count"]
    lost.screen = Screen(tmp_path / "lost")
    lost.screen.folder.mkdir()
    for file in screen.folder.iterdir():
        (lost.screen.folder / file.name).write_bytes(file.read_bytes())
    with_values(lost.screen.wells(METHOD), lambda frame: frame.assign(feature_0=np.nan))
    lost.all()
    output = tmp_path / "floors.parquet"
    options = {"normalization": METHOD.value, "seed": 0, "output": output, "training_seeds": dict.fromkeys(names, 0)}
    scores = [each.file("scores") for each in answered.values()]
    images = [each.file("site_scores") for each in answered.values()]
    write_comparisons(names, scores, images, [], [], [], SETTINGS, [], **options)
    assert set(read_table(output, COMPARISONS)["against"]) == {"intensity"}


def test_two_featurizers_of_one_name_are_refused_in_one_sentence(tmp_path: Path) -> None:
    options = {"normalization": "none", "seed": 0, "output": tmp_path / "x", "training_seeds": {"gandl": 0}}
    with pytest.raises(ComparisonError, match="two featurizers are called gandl; their scores cannot be told apart"):
        write_comparisons(["gandl", "intensity", "gandl"], [], [], [], [], [], SETTINGS, [], **options)


def test_one_control_class_leaves_what_needs_no_control(tmp_path: Path, sites: pd.DataFrame, typed: Screen) -> None:
    answers = Answers(tmp_path, screen_of(tmp_path / "s", sites[sites["control"] != "positive"]), typed=typed)
    reasons = answers.all()
    assert "has no split of the question controls" in reasons["scores"]
    assert reasons["controls"] == reasons["treatments"] == reasons["dose_response"] == reasons["scores"]
    assert not reasons["layout"]
    assert not reasons["cell_model"]


def test_a_cell_type_without_a_control_leaves_the_other_its_answers(
    tmp_path: Path, sites: pd.DataFrame, typed: Screen, caplog: pytest.LogCaptureFixture
) -> None:
    left = sites[(sites["cell_type"] != "VERO") | (sites["control"] != "negative")]
    answers = Answers(tmp_path, screen_of(tmp_path / "s", left), typed=typed)
    assert "VERO: no negative control, so its controls are not compared and its wells not scored" in caplog.text
    assert set(answers.all().values()) == {""}
    assert set(answers.table("controls")["split"]) == {
        "quarter:all",
        "quarter_by_cell_type:HRCE",
        "leave_plate_out:HRCE",
        "probe:HRCE",
    }
    scored = read_table(answers.file("scores"), WELL_SCORES)
    assert set(scored["cell_type"]) == {"HRCE"}


def test_a_plate_without_negative_wells_is_scored_by_the_others(tmp_path: Path, typed: Screen) -> None:
    sites = infected_sites({"HRCE-1": 3, "VERO-1": 3})
    left = sites[(sites["plate_id"] != "HRCE-1_2") | (sites["control"] != "negative")]
    answers = Answers(tmp_path, screen_of(tmp_path / "s", left), typed=typed)
    assert set(answers.all().values()) == {""}
    table = read_table(answers.file("treatments"), TREATMENTS)
    assert set(table["plates_without_negative"].dropna()) == {"HRCE-1_2"}
    assert not table.loc[table["kind"] == "treatment", "p"].isna().all()


def test_a_cell_type_that_only_one_plate_gives_a_control_loses_that_scheme_alone(
    sites: pd.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    lost = (sites["cell_type"] == "VERO") & (sites["plate"] == 2) & (sites["control"] == "negative")
    splits = make_splits(sites[~lost])
    of_plates = splits[(splits["question"] == "controls") & (splits["scheme"] == "leave_plate_out")]
    assert set(of_plates["fold"]) == {"HRCE-1_1", "HRCE-1_2"}
    assert "quarter_by_cell_type" in set(splits["scheme"])
    assert "VERO is left out of a scheme: scheme leave_plate_out, fold VERO-1_1" in caplog.text


def test_profiles_of_other_wells_and_sites_are_reported(tmp_path: Path, sites: pd.DataFrame, typed: Screen) -> None:
    fewer = screen_of(tmp_path / "wells", sites)
    with_values(fewer.wells(METHOD), lambda frame: frame[frame["well_id"] != frame["well_id"].iloc[0]])
    reasons = Answers(tmp_path / "wells", fewer, typed=typed).all()
    assert "lacks 1 well of the splits" in reasons["scores"]
    assert not reasons["layout"]
    images = screen_of(tmp_path / "sites", sites)
    gone = read_table(images.splits, SPLITS)
    tested = gone[(gone["scheme"] == "quarter") & (gone["question"] == "controls")]["well_id"].iloc[0]
    with_values(images.site_profiles(METHOD), lambda frame: frame[frame["well_id"] != tested])
    assert "lacks 1 well of the splits" in Answers(tmp_path / "sites", images, typed=typed).all()["scores"]


def test_a_defect_and_an_unknown_table_are_not_hidden(tmp_path: Path) -> None:
    def defect() -> None:
        raise ValueError("not ours")

    def ours() -> None:
        write_table(pd.DataFrame({"a": [1]}), tmp_path / "never", NUMBERS)

    names = {"featurizer": "gandl", "normalization": "none"}
    with pytest.raises(ValueError, match="not ours"):
        answer(defect, "controls", [], {"output": tmp_path / "a.parquet"}, names)
    with pytest.raises(ValueError, match="lacks the column"):
        answer(ours, "controls", [], {"another": tmp_path / "a.parquet"}, names)
    with pytest.raises(ValueError, match="lacks the column"):
        answer(ours, "comparisons", [], {"output": tmp_path / "a.parquet"}, {})
    assert "lacks the column" in answer(ours, "controls", [], {"output": tmp_path / "a.parquet"}, names)
