"""RxRx1's metadata: the rebuilt table passes every check but those it cannot answer; every mistake is reported with its row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from gandl.config import RxRx1Settings
from gandl.source.screens.metadata_zip import MetadataError
from gandl.source.screens.rxrx1 import COLUMNS, RxRx1Error, check_rxrx1, write_sites
from gandl.source.screens.rxrx1_counts import METADATA_SHA256
from gandl.tables import SITES, read_table
from gandl.tables.notes import WARNINGS, note_of
from rxrx_inputs import as_read, rebuilt_rxrx1, with_sites, write_metadata_zip

ABSENT = [
    "absent: the names of siRNAs (column sirna is empty)",
    "absent: the siRNAs of the test half's treated wells (their sirna_id is empty)",
]
NO_CHECKSUM = "absent: the checksum of metadata.csv (the table was rebuilt, not downloaded)"
PARTIAL = RxRx1Settings(complete=False)
Change = Callable[[pd.DataFrame], None]


@pytest.fixture(scope="module")
def rebuilt(shared_data: Path) -> pd.DataFrame:
    return rebuilt_rxrx1(shared_data)


def plate(experiment: str, number: int, sirnas: range, half: str = "train") -> list[dict[str, str]]:
    """A small plate: the negative control in B02, one positive control, and some treatments."""
    places = [("B02", "negative_control", "EMPTY", 1138), ("B03", "positive_control", "n337250", 1108)]
    places += [(f"C{i + 2:02d}", "treatment", f"s{20000 + sirna}", sirna) for i, sirna in enumerate(sirnas)]
    return [
        {
            "well_id": f"{experiment}_{number}_{well}", "cell_type": experiment.split("-")[0], "dataset": half,
            "experiment": experiment, "plate": str(number), "well": well, "well_type": kind, "sirna": sirna, "sirna_id": str(i),
        }
        for well, kind, sirna, i in places
    ]  # fmt: skip


@pytest.fixture
def small() -> pd.DataFrame:
    """Two plates of five wells: rows 2-11 of the file are HUVEC-01 plate 1, 12-21 U2OS-05 plate 2."""
    wells = plate("HUVEC-01", 1, range(3)) + plate("U2OS-05", 2, range(3), half="test")
    return with_sites(pd.DataFrame(wells), sites=2)[list(COLUMNS)]


def put(row: int, **values: str) -> Change:
    def change(frame: pd.DataFrame) -> None:
        for name, value in values.items():
            frame.loc[row, name] = value

    return change


def put_well(well_id: str, **values: str) -> Change:
    def change(frame: pd.DataFrame) -> None:
        for name, value in values.items():
            frame.loc[frame["well_id"] == well_id, name] = value

    return change


def mistakes_of(frame: pd.DataFrame, complete: bool = False, sha256: str | None = None) -> list[str]:
    with pytest.raises(RxRx1Error) as error:
        check_rxrx1(frame, complete, sha256, "metadata.csv")
    first, *lines = str(error.value).splitlines()
    assert first == "metadata.csv has mistakes:"
    return [line.strip() for line in lines]


def test_the_rebuilt_table_passes_all_that_it_can_answer(rebuilt: pd.DataFrame) -> None:
    assert len(rebuilt) == 125_510
    assert check_rxrx1(rebuilt, complete=True) == [*ABSENT, NO_CHECKSUM]


def test_the_checksum_of_the_whole_screen_must_be_the_published_one(rebuilt: pd.DataFrame) -> None:
    (mistake,) = mistakes_of(rebuilt, complete=True, sha256="0" * 64)
    assert mistake == f"the SHA-256 of the file is {'0' * 64}, the published one is {METADATA_SHA256}"
    assert check_rxrx1(rebuilt, complete=True, sha256=METADATA_SHA256) == ABSENT
    assert check_rxrx1(rebuilt, complete=False, sha256="0" * 64) == ABSENT


def test_sites_of_the_rebuilt_table_in_plate_order(rebuilt: pd.DataFrame, tmp_path: Path) -> None:
    frame = rebuilt[rebuilt["experiment"].isin(["HUVEC-05", "RPE-09"])]
    archive = write_metadata_zip(tmp_path / "m.zip", frame.sample(frac=1, random_state=0), "rxrx1/metadata.csv")
    warnings = write_sites(archive, PARTIAL, tmp_path / "sites.parquet")
    sites = read_table(tmp_path / "sites.parquet", SITES)
    assert warnings == note_of(tmp_path / "sites.parquet", WARNINGS) == ABSENT
    assert sites["store_id"].drop_duplicates().tolist() == ["HUVEC-05", "RPE-09"]
    assert sites["plate_id"].drop_duplicates().tolist()[:2] == ["HUVEC-05_1", "HUVEC-05_2"]
    order = ["experiment", "plate", "row", "column", "site"]
    pd.testing.assert_frame_equal(sites[order], sites[order].sort_values(order, ignore_index=True))
    assert sites["sirna"].isna().all()
    hidden = sites["sirna_id"].isna()
    assert (hidden == ((sites["dataset"] == "test") & (sites["well_type"] == "treatment"))).all()


def test_controls_and_sirnas_are_distinguished(small: pd.DataFrame, tmp_path: Path) -> None:
    archive = write_metadata_zip(tmp_path / "m.zip", small, "rxrx1/metadata.csv")
    assert write_sites(archive, PARTIAL, tmp_path / "sites.parquet") == []
    sites = read_table(tmp_path / "sites.parquet", SITES)
    wells = sites.drop_duplicates("well_id").set_index("well_id")
    assert wells["control"].tolist()[:3] == ["negative", "positive", "none"]
    assert wells["condition"].tolist()[:3] == ["negative_control", "positive_control", "treatment"]
    assert wells.loc["HUVEC-01_1_B02", "sirna"] == "EMPTY"
    assert pd.isna(wells.loc["HUVEC-01_1_B02", "treatment"])
    assert wells.loc["HUVEC-01_1_B03", ["treatment", "sirna_id"]].tolist() == ["n337250", 1108]
    assert wells[["compound", "concentration_um", "smiles"]].isna().all(axis=None)
    assert wells.loc["U2OS-05_2_C02", ["dataset", "store_id", "plate_id"]].tolist() == ["test", "U2OS-05", "U2OS-05_2"]


@pytest.mark.parametrize(
    ("change", "mistakes"),
    [
        (put(2, site="3", site_id="HUVEC-01_1_B02_3"), ["row 2: site is '3'; a well has the sites 1 and 2"]),
        (put(2, site_id="x"), ["row 2: site_id is 'x', but its columns say 'HUVEC-01_1_B02_1'"]),
        (put_well("HUVEC-01_1_C02", sirna_id="1110"), [
            f"row {row}: sirna_id of a treatment well is 1110; it must be within 0 to 1107" for row in (6, 7)
        ]),
        (put_well("HUVEC-01_1_C02", sirna_id="s1"), [
            f"row {row}: sirna_id is 's1'; it must be a whole number from 0 to 1138" for row in (6, 7)
        ]),
        (put_well("HUVEC-01_1_C02", sirna_id=""), [f"row {row}: the sirna_id is empty" for row in (6, 7)]),
        (put_well("HUVEC-01_1_C02", sirna=""), [
            f"row {row}: the sirna is empty; it must be a name, or EMPTY for a negative control" for row in (6, 7)
        ]),
        (put_well("HUVEC-01_1_C02", sirna="EMPTY"), [
            f"row {row}: the sirna of a well of type treatment is EMPTY" for row in (6, 7)
        ]),
        (put_well("HUVEC-01_1_B02", sirna="s1"), [
            f"row {row}: a negative control has the sirna EMPTY, not 's1'" for row in (2, 3)
        ]),
        (put_well("HUVEC-01_1_C03", sirna="s20000", sirna_id="0"), [
            f"row {row}: siRNA 0 is twice on HUVEC-01 plate 1: in C03, and in row {first}" for row, first in ((8, 6), (9, 7))
        ]),
        (put(7, well_type="positive_control", sirna_id="1110"), [
            "row 7: well_type is 'positive_control', but 'treatment' in row 6 of the same well_id HUVEC-01_1_C02",
            "row 7: sirna_id is '1110', but '0' in row 6 of the same well_id HUVEC-01_1_C02",
        ]),
        (put(3, dataset="valid"), [
            "row 3: dataset is 'valid'; it must be train or test",
            "row 3: dataset is 'valid', but 'train' in row 2 of the same experiment HUVEC-01",
            "row 3: dataset is 'valid', but 'train' in row 2 of the same well_id HUVEC-01_1_B02",
        ]),
        (put_well("HUVEC-01_1_C02", well_type="untreated"), [
            f"row {row}: unknown well_type 'untreated'; allowed: positive_control, negative_control, treatment" for row in (6, 7)
        ]),
    ],
)  # fmt: skip
def test_mistakes_of_a_well_are_reported_with_their_rows(
    small: pd.DataFrame, change: Change, mistakes: list[str]
) -> None:
    change(small)
    assert mistakes_of(small) == mistakes


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("HUVEC-01", "HUVEC-1", "the number of experiment HUVEC-1 has one digit; it must be HUVEC-01"),
        ("HUVEC-01", "HELA-01", "unknown cell type 'HELA'; RxRx1 has HEPG2, HUVEC, RPE, U2OS"),
        ("HUVEC-01", "HUVEC_01", "unknown experiment 'HUVEC_01'; the names are like HUVEC-01"),
        ("_1_C02", "_1_A02", "well 'A02' is not among the wells in use, B02 to O23"),
        ("_1_C02", "_1_C24", "well 'C24' is not among the wells in use, B02 to O23"),
        ("_1_B02", "_1_D02", None),
    ],
)
def test_wrong_names_are_reported(small: pd.DataFrame, old: str, new: str, mistake: str | None) -> None:
    for column in ("site_id", "well_id"):
        small[column] = small[column].str.replace(old, new, regex=False)
    names = small["well_id"].str.rsplit("_", n=2, expand=True)
    small["experiment"], small["well"] = names[0], names[2]
    small["cell_type"] = small["experiment"].str.split("-").str[0]
    if mistake is None:  # a negative control may lie in any well: some plates have up to four
        assert check_rxrx1(small, complete=False) == []
        return
    assert any(line.endswith(mistake) for line in mistakes_of(small))


def test_b02_is_a_negative_control_on_every_plate(small: pd.DataFrame, rebuilt: pd.DataFrame) -> None:
    put_well("HUVEC-01_1_B02", well_type="treatment", sirna="s5", sirna_id="5")(small)
    sentence = "well B02 of every plate is a negative control, not 'treatment'"
    assert mistakes_of(small) == [f"row 2: {sentence}", f"row 3: {sentence}"]
    lost = rebuilt[rebuilt["well_id"] != "RPE-03_2_B02"]
    assert "plates without a negative control in B02: 1, RPE-03_2" in mistakes_of(lost, complete=True)


def test_rows_without_a_place_are_reported_with_the_first(small: pd.DataFrame) -> None:
    frame = as_read(pd.concat([small, small.iloc[[0]]]))
    assert mistakes_of(frame) == ["row 22: site_id 'HUVEC-01_1_B02_1' is already in row 2"]


def test_names_that_go_with_several_ids_are_a_warning(small: pd.DataFrame) -> None:
    put_well("U2OS-05_2_C02", sirna="other")(small)
    assert check_rxrx1(small, complete=False) == [
        "1 values of sirna_id occur with more than one sirna, for example '0'"
    ]


def test_lost_sites_of_the_whole_screen_are_counted(rebuilt: pd.DataFrame) -> None:
    assert mistakes_of(rebuilt[rebuilt["site_id"] != "U2OS-01_1_C07_2"], complete=True) == [
        "the screen has 125,509 sites; 125,510 were published",
        "U2OS has 12,295 sites; 12,296 were published",
        "train has 81,223 sites; 81,224 were published",
        "wells without exactly 2 sites: 1, U2OS-01_1_C07",
    ]


def test_lost_experiments_and_plates_and_swapped_halves_are_reported(rebuilt: pd.DataFrame) -> None:
    frame = rebuilt[(rebuilt["experiment"] != "HUVEC-24") & (rebuilt["well_id"].str[:7] != "RPE-02_")].copy()
    frame = frame[(frame["experiment"] != "RPE-04") | (frame["plate"] != "4")]
    frame.loc[frame["experiment"] == "U2OS-03", "dataset"] = "test"
    lines = mistakes_of(frame, complete=True)
    assert "the screen lacks the experiments HUVEC-24, RPE-02; the published one has 51" in lines
    assert "experiments without exactly 4 plates: 1, RPE-04 (3)" in lines
    assert "U2OS-03 must be in the other half (train or test) of the screen" in lines


def test_a_plate_that_mixes_two_sets_of_sirnas_is_found(rebuilt: pd.DataFrame) -> None:
    frame = rebuilt.copy()
    one, other = (
        frame[(frame["experiment"] == "HEPG2-01") & (frame["plate"] == plate) & (frame["well_type"] == "treatment")]
        for plate in "12"
    )
    frame.loc[one.index[:2], "sirna_id"] = other["sirna_id"].iloc[0]
    assert mistakes_of(frame, complete=True) == [
        "the treatments of plate HEPG2-01_1 are of more than one of the 4 sets of siRNAs"
    ]


def test_in_a_partial_screen_plates_that_share_sirnas_have_one_set(rebuilt: pd.DataFrame) -> None:
    few = rebuilt[rebuilt["experiment"].isin(["HEPG2-01", "HEPG2-02"])].copy()
    assert check_rxrx1(few, complete=False) == ABSENT[:1]
    place = (few["experiment"] == "HEPG2-01") & (few["well_type"] == "treatment")
    one, other = (few[place & (few["plate"] == plate)] for plate in "12")
    few.loc[one.index[:2], "sirna_id"] = other["sirna_id"].iloc[0]
    (mistake,) = mistakes_of(few)
    assert mistake.startswith("the plates HEPG2-01_1, HEPG2-01_2, HEPG2-02_")
    assert mistake.endswith("share siRNAs, and together hold 553; a set has at most 277, and no siRNA is in two")


def test_experiments_are_chosen_by_name_and_unknown_ones_named(small: pd.DataFrame, tmp_path: Path) -> None:
    archive, output = write_metadata_zip(tmp_path / "m.zip", small), tmp_path / "sites.parquet"
    write_sites(archive, RxRx1Settings(complete=False, stores=["U2OS-05"]), output)
    assert set(read_table(output, SITES)["experiment"]) == {"U2OS-05"}
    with pytest.raises(RxRx1Error, match=r"stores names HUVEC-1; the metadata have HUVEC-01, U2OS-05 \(2 stores\)"):
        write_sites(archive, RxRx1Settings(complete=False, stores=["HUVEC-1"]), output)


def test_a_table_of_other_columns_is_refused(small: pd.DataFrame, tmp_path: Path) -> None:
    archive = write_metadata_zip(tmp_path / "m.zip", small.drop(columns=["well_type", "sirna_id"]))
    with pytest.raises(MetadataError, match=r"lacks the columns well_type, sirna_id; it has site_id"):
        write_sites(archive, PARTIAL, tmp_path / "sites.parquet")
    assert not (tmp_path / "sites.parquet").exists()
