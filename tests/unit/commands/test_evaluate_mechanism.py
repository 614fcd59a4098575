"""`gandl evaluate --questions mechanism`: tables as they are published, with whatever names and without what they lack."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gandl.evaluation.mechanism.terms import MATCHES
from gandl.own_features.mechanisms import with_mechanisms, with_places
from gandl.tables import read_table
from mechanism_inputs import bbbc021, noise, screen, signature
from own_tables import QUICK, gandl_evaluate, numbers, refused

ASKED = ("--questions", "mechanism", *QUICK)


def features(wells: pd.DataFrame, spread: float = 2.0) -> pd.DataFrame:
    values = signature(wells, "moa") + signature(wells, "experiment", 0.5, 1) + noise(wells, spread)
    names = [f"{('Cells', 'Nuclei', 'Cytoplasm')[i % 3]}_Texture_{i}" for i in range(values.shape[1])]
    return pd.DataFrame(values, columns=names)


def as_published(wells: pd.DataFrame) -> pd.DataFrame:
    """Profiles of wells as of BBBC021: CellProfiler's names, the week in the name of the plate, a column that is no feature."""
    about = {
        "TableNumber": 7,
        "Image_Metadata_Plate_DAPI": wells["experiment"] + "_" + (22000 + wells["plate"]).astype(str),
        "Image_Metadata_Well_DAPI": wells["well"],
        "Image_Metadata_Compound": wells["treatment"],
        "Image_Metadata_Concentration": wells["concentration_um"],
        "Image_Metadata_MoA": wells["moa"],
    }
    return pd.concat([pd.DataFrame(about), features(wells)], axis=1)


def accuracies(out: Path, method: str = "none") -> dict[str, tuple[float, int]]:
    table = numbers(out, "mechanism", method=method)
    mine = table[table["metric"] == "accuracy"]
    return {str(row.split).partition(":")[0]: (float(row.value), int(row.n)) for row in mine.itertuples()}


@pytest.fixture(scope="module")
def wells() -> pd.DataFrame:
    compounds = {f"c{i:02d}": f"mechanism {i % 4}" for i in range(12)} | {"x": "week 2", "y": "week 2"}
    batches = {name: [f"Week{i // 4 + 1}"] for i, name in enumerate(compounds)} | {"x": ["Week2"], "y": ["Week2"]}
    return screen(compounds, batches)


def test_profiles_of_wells_as_published(
    wells: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.csv"
    as_published(wells).to_csv(path, index=False)
    out = tmp_path / "out"
    assert gandl_evaluate("--embeddings", path, "--out", out, *ASKED) is None
    said = capsys.readouterr().out
    assert "batches are what the names of plates in" in said
    assert "begin with: Week1, Week2, Week3" in said
    assert "names no unit and is read in µM" in said
    assert "normalisation: none (profiles as they are: no negative control wells to normalise them by)" in said
    found = accuracies(out)
    assert found["nsc"][1] == 28
    assert found["nscb"][1] == 24
    (line,) = [line for line in said.splitlines() if "NSC, no candidate of the same compound" in line]
    assert f"{100 * found['nsc'][0]:.1f} % [" in line
    assert "of 28 treatments right" in line
    assert "over 14 compounds" in line
    assert (
        "NSCB leaves out 4 of 28 treatments, for no other compound of its mechanism is in another batch: week 2 (x, y)"
        in said
    )
    table = read_table(out / "evaluation/mechanism/mine.none.treatments.parquet", MATCHES)
    assert set(table["batch"].dropna()) == {"Week1", "Week2", "Week3"}
    assert set(table["wells"]) == {3}


def test_names_do_not_matter(wells: pd.DataFrame, tmp_path: Path) -> None:
    """The same profiles under pycytominer's names, with features `feature_*` beside a table of sites, and per treatment."""
    values = features(wells)
    place = {"plate": wells["plate"], "well": wells["well"], "batch": wells["experiment"]}
    given = {"compound": wells["treatment"], "moa": wells["moa"], "concentration_uM": wells["concentration_um"]}
    profile = pd.DataFrame({f"Metadata_{name}": column for name, column in {**place, **given}.items()})
    pd.concat([profile, values], axis=1).to_parquet(tmp_path / "profile.parquet")
    sites = pd.DataFrame({**place, **given, "well_id": wells["well_id"]}).rename(columns={"moa": "Mechanism"})
    sites.to_csv(tmp_path / "sites.csv", index=False)
    named = values.set_axis([f"feature_{i}" for i in range(values.shape[1])], axis=1).assign(well_id=wells["well_id"])
    named.to_csv(tmp_path / "features.csv", index=False)
    means = pd.concat([pd.DataFrame({**given, "batch": wells["experiment"]}), values], axis=1)
    means = means.groupby(["compound", "concentration_uM", "moa", "batch"], as_index=False).mean()
    means.rename(columns={"concentration_uM": "concentration"}).to_csv(tmp_path / "treatments.csv", index=False)
    found = []
    for name, further in (
        ("profile.parquet", ()),
        ("features.csv", ("--sites", tmp_path / "sites.csv")),
        ("treatments.csv", ()),
    ):
        out = tmp_path / f"out_{name}"
        assert gandl_evaluate("--embeddings", f"mine={tmp_path / name}", *further, "--out", out, *ASKED) is None
        found.append(accuracies(out))
    assert found[0] == found[1] == found[2]
    assert 0.2 < found[0]["nsc"][0] < 1


def test_whitening_on_the_negative_controls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """DMSO by name; its normalisations are fitted on it, and taxol, named as the positive control, does not count."""
    wells = bbbc021(controls=4)
    as_published(wells).assign(Image_Metadata_Concentration=wells["concentration_um"].fillna(0)).to_csv(
        tmp_path / "mine.csv", index=False
    )
    options = (
        "--positive",
        "taxol",
        "--normalization",
        "tvn",
        "none",
        "--reference",
        "negative",
        "--batch",
        "experiment",
    )
    out = tmp_path / "out"
    assert gandl_evaluate("--embeddings", tmp_path / "mine.csv", "--out", out, *options, *ASKED) is None
    assert accuracies(out, "tvn")["nsc"][1] == accuracies(out)["nsc"][1] == 24
    assert accuracies(out, "tvn") != accuracies(out)
    table = read_table(out / "evaluation/mechanism/mine.tvn.treatments.parquet", MATCHES)
    assert not {"taxol", "DMSO"} & {*table["treatment"], *table["nearest"]}
    crossfit = tmp_path / "crossfit"
    options = ("--positive", "taxol", "--normalization", "negative_crossfit")
    assert gandl_evaluate("--embeddings", tmp_path / "mine.csv", "--out", crossfit, *options, *ASKED) is None
    assert accuracies(crossfit, "negative")["nsc"][1] == 24  # treated wells are the same under both
    assert "mine, negative" in capsys.readouterr().out


def test_tables_without_mechanisms_say_so(
    wells: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = as_published(wells)
    table.drop(columns=["Image_Metadata_MoA", "Image_Metadata_Concentration"]).to_csv(tmp_path / "a.csv", index=False)
    said = refused(capsys, "--embeddings", tmp_path / "a.csv", "--out", tmp_path / "out", *ASKED)
    assert said.endswith(
        "mechanism: no column names mechanisms of action; add moa (or Metadata_moa), and compounds and doses beside it"
    )
    table.assign(Image_Metadata_MoA="").to_csv(tmp_path / "b.csv", index=False)
    said = refused(capsys, "--embeddings", tmp_path / "b.csv", "--out", tmp_path / "out", *ASKED)
    assert said.endswith("mechanism: no well that is not a control has a mechanism (moa)")
    twice = table["Image_Metadata_MoA"].where(table.index > 0, "another")
    table.assign(Image_Metadata_MoA=twice).to_csv(tmp_path / "c.csv", index=False)
    said = refused(capsys, "--embeddings", tmp_path / "c.csv", "--out", tmp_path / "out", *ASKED)
    assert "c00 has the mechanism another in well" in said
    without_unit = table.drop(columns="Image_Metadata_MoA")
    without_unit.to_csv(tmp_path / "d.csv", index=False)
    said = refused(capsys, "--embeddings", tmp_path / "d.csv", "--out", tmp_path / "out", *ASKED)
    assert "Metadata_Concentration names no unit" in said


def test_what_is_read_from_names_is_read_where_mechanisms_are_named_alone() -> None:
    rows = pd.DataFrame({"plate": ["Week1_1", "Week1_2", "Week2_1"], "well": "A01", "concentration": ["1", "", "3e-1"]})
    assert with_mechanisms(rows, "t.csv")[0] is rows
    found, notes = with_mechanisms(rows.assign(Metadata_moa="m"), "t.csv")
    assert found["experiment"].tolist() == ["Week1", "Week1", "Week2"]
    assert found["concentration_um"].tolist() == ["1", "", "3e-1"]
    assert len(notes) == 2
    own = rows.assign(moa="m", batch="b", dose_nM="5")
    assert with_mechanisms(own, "t.csv")[0].columns.tolist() == [
        *("plate", "well", "concentration", "moa", "experiment", "dose_nM")
    ]
    each = rows.assign(plate=["a_1", "b_1", "c_1"], moa="m")  # every plate would be a batch of its own
    assert "experiment" not in with_mechanisms(each, "t.csv")[0]


def test_rows_without_wells_get_places_on_a_plate_of_their_batch() -> None:
    rows = pd.DataFrame({"compound": np.repeat(["a", "b"], 30), "moa": "m", "batch": np.tile(["1", "2"], 30)})
    found, (note,) = with_places(rows, "t.csv")
    assert note == "rows of t.csv name no wells: each is taken as a well of its own, and its place means nothing"
    assert not found.duplicated(["batch", "Metadata_Well"]).any()
    named = rows.assign(well_id="x")
    assert with_places(named, "t.csv")[0] is named
    with pytest.raises(
        ValueError, match=r"t\.csv names no wells and has 1,537 rows of one batch, more than a plate holds"
    ):
        with_places(pd.DataFrame({"compound": ["a"] * 1537, "moa": "m"}), "t.csv")
