"""`gandl check`: every problem at once, with row and file; a summary; and a configuration that fits what was found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from command_line import gandl_check
from gandl.check.configuration import (
    ConfigurationError,
    questions_of,
    run_name,
    segmentation_of,
    suggest,
    training_side,
    write_configuration,
)
from gandl.check.plates import check_plates
from gandl.check.sheet import choose_sites, label_of, sheet_of
from gandl.config import NEED_NUCLEI, Config, Normalization, Pairs, PlatesSettings, Precision, QuestionName
from gandl.config.files import read_config
from plate_files import write_csv, write_one_channel_plate, write_six_channel_plates


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_six_channel_plates(tmp_path_factory.mktemp("a") / "six")


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_one_channel_plate(tmp_path_factory.mktemp("b") / "one")


def test_sound_plates_pass_and_are_summed_up(six: Path) -> None:
    report = check_plates(six)
    assert report.passed
    (note,) = report.notes
    assert note.startswith(
        "100 % of the wells of plate six_1 that are not controls have a treatment, and plate six_1 has 4 neg"
    )
    assert list(report.summary) == [
        "plates      2: six_1, six_2",
        "wells       56 with 56 sites",
        "channels    6: DNA, er, actin, rna, golgi, mito",
        "images      336 of 97 x 110 px of 16 bit, 0.01 GiB of pixels",
        report.summary[4],
        "nuclei      objects like nuclei per field: DNA 8.8, golgi 1.2, actin 1.0, rna 0.8, mito 0.7, er 0.5",
        "controls    8 positive and 8 negative wells",
        "treatment   drug A: 40 wells, 5 doses from 0.1 to 10 µM",
    ]
    assert report.summary[4].startswith("brightness  84 images decoded: median ")


def test_every_problem_of_table_and_images_is_reported_at_once_with_row_and_file(tmp_path: Path) -> None:
    table = write_six_channel_plates(tmp_path / "lab", rows="AB")
    plate = tmp_path / "lab/plate 1"
    tifffile.imwrite(plate / "A01_s1_DNA.tif", np.zeros((97, 111), np.uint16))
    tifffile.imwrite(plate / "A02_s1_DNA.tif", np.zeros((97, 110), np.uint8))
    tifffile.imwrite(plate / "A03_s1_DNA.tif", np.zeros((97, 110, 3), np.uint8), photometric="rgb")
    (plate / "A04_s1_DNA.tif").write_bytes((plate / "A04_s1_er.tif").read_bytes()[:-9])
    (plate / "A05_s1_DNA.tif").unlink()
    tifffile.imwrite(plate / "A06_s1_DNA.tif", np.zeros((97, 110), np.complex64))
    text = table.read_text().replace("1,A07,", "1,A77,").replace("plate 1/B01_s1_er.tif", "plate 1/B01_s1_er.tif#7")
    table.write_text(text.replace("drug A,0.3,", 'drug A,"0,3",', 1))
    report = check_plates(table)
    reported = [problem.replace(str(tmp_path), "") for problem in report.problems]
    starts = [
        "row 5: concentration_um is '0,3', with a comma; write 0.3, with a decimal point",
        "row 8: well is 'A77'; wells are named A1 (or A01) to AF48",
        "row 6: there is no file /lab/plate 1/A05_s1_DNA.tif (channel DNA)",
        "row 4: /lab/plate 1/A03_s1_DNA.tif has 3 values per pixel (RGB)",
        "row 5: /lab/plate 1/A04_s1_DNA.tif is cut short",
        "row 7: /lab/plate 1/A06_s1_DNA.tif holds complex64 values of 64 bit",
        "row 9: /lab/plate 1/B01_s1_er.tif has 1 readable page but no page 7",
        "row 2: /lab/plate 1/A01_s1_DNA.tif is 97 x 111 px of 16 bit (height x width), the others are 97 x 110 px of 16 bit",
        "row 3: /lab/plate 1/A02_s1_DNA.tif is 97 x 110 px of 8 bit (height x width), the others are 97 x 110 px of 16 bit",
    ]
    assert len(reported) == len(starts)
    for problem, start in zip(reported, starts, strict=True):
        assert problem.startswith(start)


def test_too_small_images_are_a_problem(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    Image.fromarray(np.zeros((63, 80), np.uint8)).save(tmp_path / "lab/a.png")
    table = write_csv(tmp_path / "lab/sites.csv", [{"well": "A1", "file_dna": "a.png"}])
    problem, _ = check_plates(table).problems
    assert problem == f"row 2: {tmp_path}/lab/a.png is 63 x 80 px of 8 bit; both sides must be at least 64 px"


def test_pixels_of_all_images_are_decoded_where_it_is_requested(tmp_path: Path) -> None:
    table = write_six_channel_plates(tmp_path / "lab", rows="ABCD")
    file = tmp_path / "lab/plate 2/C04_s1_golgi.tif"
    data = bytearray(file.read_bytes())
    data[1000:1200] = b"\xff" * 200
    file.write_bytes(data)
    assert check_plates(table).passed
    (problem,) = check_plates(table, every_pixel=True).problems
    assert problem.startswith(f"row {2 + 28 + 14 + 3}: {file} is damaged")


def test_what_stops_nothing_is_noted(tmp_path: Path) -> None:
    rows = [
        {"well": f"A{i}", "control": "positive" if i == 1 else "", "treatment": "x", "concentration_um": "" if i == 3 else i,
         "file_dna": f"{i}{site}.png"}
        for i in range(1, 5) for site in range(1 + (i == 2))
    ]  # fmt: skip
    table = write_csv(tmp_path / "lab/sites.csv", rows)
    for row in rows:
        pixels = np.full((64, 64), 7, np.uint8)
        pixels[0, : 0 if row["well"] == "A1" else 64] = 9
        Image.fromarray(pixels).save(tmp_path / "lab" / str(row["file_dna"]))
    report = check_plates(table)
    assert report.passed
    assert [note.replace(str(tmp_path), "") for note in report.notes if "every pixel" not in note] == [
        "no well is a negative control: without both kinds, assay quality and dose response cannot be computed",
        "fewer than 4 doses, too few for a curve: 1 treatment; the first is x",
        "no concentration_um: 1 treated well; the first is lab_1_A03",
        "wells have between 1 and 2 sites; lab_1_A01 has 1",
    ]
    assert (
        f"channel dna is constant in 1 of the 5 sites looked at, the first is row 2: every pixel of {tmp_path}/lab/10.png is 7; "
        "is it an empty image?"
    ) in report.notes


def test_command_ends_with_status_1_and_all_problems_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write_csv(tmp_path / "lab/sites.csv", [{"well": "A1", "file_dna": "a.tif"}, {"well": "?", "file_dna": ""}])
    assert gandl_check(table, "--config", tmp_path / "mine.yaml", "--sheet", tmp_path / "sheet.png") == 1
    printed = capsys.readouterr().out
    assert "3 problems:\n  row 3: file_dna is empty" in printed
    assert f"row 2: there is no file {tmp_path}/lab/a.tif (channel dna)" in printed
    assert {path.name for path in tmp_path.iterdir()} == {"lab"}


def test_command_draws_a_sheet_and_writes_a_configuration_that_loads(
    six: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet, config = tmp_path / "sheet.png", tmp_path / "mine.yaml"
    assert gandl_check(six, "--sheet", sheet, "--config", config, "--pixel-size-um", 0.65, "--all") is None
    assert "No problems: these plates can be used." in capsys.readouterr().out
    assert Image.open(sheet).size[0] > 6 * 400
    loaded = read_config(config)
    assert loaded.source.plates == PlatesSettings(table=str(six), pixel_size_um=0.65)
    assert gandl_check(six, "--config", config) == f"{config} exists already; name another file, or delete it"


def test_command_reads_a_folder_with_a_pattern(
    six: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    pattern = r"plate (?P<plate>\d+)/(?P<well>[A-P]\d\d)_s(?P<site>\d)_(?P<channel>\w+)\.tif"
    assert gandl_check(six.parent, "--pattern", pattern) is None
    printed = capsys.readouterr().out
    assert "channels    6: DNA, actin, er, golgi, mito, rna" in printed
    assert "no well is a positive control" in printed
    assert gandl_check(six.parent) == 1
    assert "give a pattern of your own by --pattern" in capsys.readouterr().out
    assert gandl_check(six, "--pattern", pattern) == f"--pattern is for a folder of images, and {six} is not a folder"


def test_absent_table_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert gandl_check("nowhere/sites.csv") == 1
    assert "no table at nowhere/sites.csv" in capsys.readouterr().out


# --- the configuration ---


def suggested(table: Path, **more: float) -> Config:
    settings = PlatesSettings(table=str(table), **more)
    return suggest(check_plates(settings), settings).config


def test_configuration_requests_what_the_plates_can_answer(six: Path, one: Path) -> None:
    for table, channel in ((six, "DNA"), (one, "nuclei")):
        config = suggested(table)
        assert config.run == table.parent.name
        assert config.evaluation.questions == [
            *(QuestionName.CONTROLS, QuestionName.DOSE_RESPONSE, QuestionName.TREATMENTS),
            *(QuestionName.SCREENING, QuestionName.LAYOUT),
        ]
        assert config.embeddings.segmentation.nuclear_channels == [channel]
        assert set(NEED_NUCLEI) <= set(config.embeddings.featurizers)
        assert config.embeddings.drop_channels == []
        assert config.normalization.method == Normalization.UNLABELLED
        assert config.training.probe
        assert config.training.nuclear_channels == [channel]
        assert config.training.engine.precision == Precision.AUTO
        several = check_plates(PlatesSettings(table=str(table))).sites.groupby("well_id").size().median() > 1
        assert config.training.contrast.pairs == (Pairs.WELL if several else Pairs.SITE), "partners lie in one well"


def test_configuration_without_controls_or_nuclei_requests_nothing_and_segments_nothing(tmp_path: Path) -> None:
    (tmp_path / "sites").mkdir()
    for i in range(3):
        tifffile.imwrite(tmp_path / f"sites/{i}.tif", np.arange(80 * 90, dtype=np.uint16).reshape(80, 90))
    table = write_csv(tmp_path / "sites/sites.csv", [{"well": f"A{i + 1}", "file_gfp": f"{i}.tif"} for i in range(3)])
    config = suggested(table)
    assert config.evaluation.questions == []
    assert not set(NEED_NUCLEI) & set(config.embeddings.featurizers)
    assert not config.training.probe
    assert config.images.resolutions == {"plates": [80]}


@pytest.mark.parametrize(
    ("original", "trained"),
    [(64, 64), (97, 97), (320, 320), (512, 256), (640, 320), (1080, 270), (1024, 256), (2160, 540)],
)
def test_training_sees_about_320_px_by_a_whole_factor(original: int, trained: int) -> None:
    assert training_side(original) == trained


def wells(controls: Sequence[tuple[str, str, str]], doses: int = 0) -> pd.DataFrame:
    """Sites with (plate, row, control), and a series of so many doses on each plate."""
    rows = [
        {"plate_id": plate, "row": row, "column": 1, "control": control, "treatment": None, "concentration_um": np.nan}
        for plate, row, control in controls
    ]  # fmt: skip
    rows += [
        {"plate_id": plate, "row": "A", "column": 2, "control": "none", "treatment": "x", "concentration_um": dose + 1.0}
        for plate in sorted({plate for plate, *_ in controls})
        for dose in range(doses)
    ]  # fmt: skip
    frame = pd.DataFrame(rows).assign(experiment="e", cell_type="unknown", condition="untreated")
    return frame.assign(well_id=[f"w{i}" for i in range(len(frame))])


def controls(plates: Sequence[str], rows: Sequence[str]) -> list[tuple[str, str, str]]:
    return [(plate, row, kind) for plate in plates for row in rows for kind in ("positive", "negative")]


def test_questions_need_controls_that_can_be_left_out() -> None:
    without_curves = (QuestionName.CONTROLS, QuestionName.TREATMENTS, QuestionName.SCREENING, QuestionName.LAYOUT)
    every = (QuestionName.CONTROLS, QuestionName.DOSE_RESPONSE, *without_curves[1:])
    assert questions_of(wells(controls("p", "ABCD"), doses=7)).questions == every
    few_wells = questions_of(wells(controls("p", "ABCD"), doses=6))
    assert few_wells.questions == without_curves
    assert "no treatment has 4 doses in 7 wells for a dose response" in few_wells.why
    assert questions_of(wells(controls("pq", "AB"), doses=4)).questions == every
    few_doses = questions_of(wells(controls("pq", "AB"), doses=3))
    assert few_doses.questions == without_curves
    assert few_doses.why == (
        "Questions: how far apart the controls are, and which treatments differ from the negative ones; no treatment has 4 doses "
        "in 7 wells for a dose response."
    )
    assert questions_of(wells(controls("pq", "AB"))).questions == (QuestionName.CONTROLS, QuestionName.LAYOUT)
    few = questions_of(wells(controls("p", "ABC"), doses=4))
    assert (few.questions, few.why) == (
        (), "No question is evaluated: there are fewer than 4 positive and negative control wells.",
    )  # fmt: skip
    one_row = questions_of(wells(controls("p", "A") * 4, doses=4))
    assert (one_row.questions, one_row.why) == (
        (), "No question is evaluated: of the one plate neither rows nor columns can be left out in turn, since "
        "one row and one column hold all controls of a kind.",
    )  # fmt: skip
    filled = wells([("p", "A", "negative")] * 6 + [("p", "H", "positive")] * 6, doses=7)
    by_column = questions_of(filled.assign(column=[*range(1, 7), *range(1, 7), *range(7, 14)]))
    assert (by_column.questions, by_column.why) == (
        every,
        "Questions: how far apart the controls are, and which treatments differ from the negative ones, and dose response. Plate "
        "columns are left out in turn, since all negative "
        "controls are in row A and all positive controls are in row H, so that rows cannot be. No row holds both kinds: a "
        "gradient from the top to the bottom of the plate looks like their difference.",
    )
    assert by_column.probed == set(filled["well_id"])
    one_plate = [*controls("p", "ABCD"), ("q", "A", "negative")]
    assert questions_of(wells(one_plate, doses=4)).why.startswith(
        "No question is evaluated: scheme leave_plate_out, fold p:"
    )


def test_sizes_of_nuclei_follow_the_size_of_a_pixel() -> None:
    known, unknown = segmentation_of(["dna"], 0.325), segmentation_of(["dna"], None)
    assert (known.minimum_area, known.ring) == (4 * unknown.minimum_area, 2 * unknown.ring)


def test_run_is_named_by_its_table_and_never_as_a_run_of_the_project() -> None:
    names = [
        run_name(PlatesSettings(table=table))
        for table in ("lab x/sites.csv", "sites.csv", "a/Große Platte.csv", "b/paper.csv", "downloads/sites.csv")
    ]
    assert names == ["lab-x", "plates", "Grosse-Platte", "my-paper", "my-downloads"]
    assert run_name(PlatesSettings(folder="data/scan 3/", pattern="x")) == "scan-3"


def test_no_configuration_is_written_for_plates_with_problems(tmp_path: Path) -> None:
    settings = PlatesSettings(table="nowhere.csv")
    with pytest.raises(ConfigurationError, match="has problems"):
        write_configuration(check_plates(settings), settings, tmp_path / "mine.yaml")
    assert not (tmp_path / "mine.yaml").exists()


# --- the wells of the contact sheet ---


def test_sheet_shows_controls_the_highest_dose_and_the_next_plates_controls(six: Path) -> None:
    report = check_plates(six)
    assert report.sites is not None
    chosen = choose_sites(report.sites, 5)
    assert [label_of(row) for row in chosen.to_dict("records")] == [
        "A01, plate 1 of six: positive control, rescue",
        "A02, plate 1 of six: negative control, untreated",
        "A07, plate 1 of six: drug A 10 µM",
        "A01, plate 2 of six: positive control, rescue",
        "A02, plate 2 of six: negative control, untreated",
    ]
    sheet = sheet_of(report, 0.5)
    assert sheet.images.shape == (5, 6, 97, 110)
    np.testing.assert_array_equal(sheet.images[2, 1], tifffile.imread(six.parent / "plate 1/A07_s1_er.tif"))


def test_sheet_of_plates_without_controls_shows_the_first_wells(one: Path) -> None:
    sites = check_plates(one).sites
    assert sites is not None
    plain = sites.assign(control="none", treatment=None, concentration_um=np.nan)
    assert choose_sites(plain, 3)["well"].tolist() == ["A01", "A02", "A03"]
