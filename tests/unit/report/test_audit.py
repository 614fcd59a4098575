"""The audit page: reports what the data say, all of it, and stands alone."""

from __future__ import annotations

import json
import math
import re

import pandas as pd
import pytest

from gandl.report import numbers
from gandl.report.audit import write_audit
from gandl.report.made.costs import duration, stage_costs
from gandl.report.strips import strip
from gandl.source.splits import span
from gandl.tables import NUMBERS, write_table
from report_inputs import FEATURIZERS, Screen, audit, controls, read
from table_rows import number_row


def test_the_page_loads_nothing(tmp_path, repository):
    audit(Screen(), tmp_path, repository)
    page = (tmp_path / "audit.html").read_text()
    assert read(page).loads == []
    assert not re.search(r"@import|url\(", page)


def test_the_same_numbers_give_the_same_bytes(tmp_path, repository):
    inputs = Screen().write(tmp_path, repository)
    pages = [tmp_path / "one.html", tmp_path / "two.html"]
    for page in pages:
        write_audit(inputs, page, tmp_path / "summary.txt")
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_every_featurizer_is_shown_with_its_z_prime_over_all_rows_and_over_those_that_chose_nothing(
    tmp_path, repository
):
    words, _ = audit(Screen(), tmp_path, repository)
    assert (
        "Rows A–H one plate row left out 8 positive, 16 negative wells Rows E–H one plate row left out 4 positive, 8"
        in words
    )
    for name, z_prime in FEATURIZERS.items():
        shown = [numbers.plain(z_prime), numbers.plain(z_prime - 0.05)]
        pattern = rf"{re.escape(numbers.featurizer_label(name))} .{{0,60}}{shown[0]} \[[^]]+\] n = 24 {shown[1]} \[[^]]+\] n = 12"
        assert re.search(pattern, words), name


def test_losing_to_a_floor_is_said(tmp_path, repository):
    _, summary = audit(Screen(ratio=0.9), tmp_path, repository)
    assert "is below those of these floors: Nucleus/ring ratio, no SVM (0.90)." in summary


def test_winning_against_every_floor_is_said_without_a_loss(tmp_path, repository):
    screen = Screen(z_primes={**FEATURIZERS, "gandl_blocks": 0.95}, ratio=0.67, half=0.02)
    _, summary = audit(screen, tmp_path, repository)
    assert "loses" not in summary
    assert "is above those of these floors: Untrained network (0.10); Channel intensities (−0.20);" in summary


def test_intervals_that_overlap_are_reported_beside_a_floor(tmp_path, repository):
    _, summary = audit(Screen(half=0.4), tmp_path, repository)
    assert "Segmentation (0.50, intervals overlap)" in summary


def test_a_featurizer_that_was_not_trained_for_held_out_rows_says_so_in_its_row(tmp_path, repository):
    inputs = Screen().write(tmp_path, repository)
    (path,) = [path for path in inputs.numbers if path.name == "intensity.controls.parquet"]
    table = pd.read_parquet(path)
    write_table(table.assign(split="quarter:all").drop_duplicates(["metric", "unit"]), path, NUMBERS)
    write_audit(inputs, tmp_path / "audit.html", tmp_path / "summary.txt")
    words = " ".join(" ".join(read((tmp_path / "audit.html").read_text()).words).split())
    assert words.count("Channel intensities no scores of left-out plate rows") == 1
    assert words.count("no scores of") == 1


def test_ec50s_stand_in_the_unit_their_doses_read_best_in(tmp_path, repository):
    words, summary = audit(Screen(), tmp_path, repository)
    assert "Wortmannin 12.0 nM [8.00, 18.0] (within the tested doses, n = 36 wells)" in summary
    assert "LY294002 5.00 µM [3.33, 7.50]" in summary
    assert "tested 0.98–250 nM" in words


@pytest.mark.parametrize(
    ("ec50", "place"),
    [
        (1.0, "above the tested doses"),
        (0.0002, "below the tested doses"),
        (0.24, "within; its interval reaches beyond the tested doses"),
        (math.nan, "none found: a constant fits as well"),
    ],
)
def test_where_an_ec50_lies_among_the_doses_is_reported(tmp_path, repository, ec50, place):
    words, summary = audit(Screen(ec50={"Wortmannin": ec50, "LY294002": 5.0}), tmp_path, repository)
    assert place in words
    assert place in summary


def test_a_score_that_does_not_rise_is_reported(tmp_path, repository):
    _, summary = audit(Screen(ec50={"Wortmannin": 0.012, "LY294002": math.nan}), tmp_path, repository)
    assert "rises with the dose of Wortmannin." in summary
    assert "does not clearly rise with the dose of LY294002." in summary


def test_each_reference_stands_beside_our_value_with_its_verdict(tmp_path, repository):
    words, summary = audit(Screen(), tmp_path, repository)
    assert re.search(r"0\.68 0\.6 to 1 0\.67 \[0\.57, 0\.77\] 24 wells ✓ agrees", words)
    assert re.search(r"≥ 0\.68 0\.55 \[0\.40, 0\.70\] 24 wells ✗ differs", words), "an aim that was not reached"
    assert words.count("– no reference") == 2
    assert re.search(r"10\.2 10\.0 \[9\.90, 10\.1\] 24 wells ✗ differs", words)
    assert "agrees: 4; differs: 2; no reference: 2" in summary


def test_each_verdict_names_the_rule_that_decided_it(tmp_path, repository):
    words, _ = audit(Screen(), tmp_path, repository)
    assert (
        words.count("agrees our value in the accepted range?") + words.count("differs our value in the accepted range?")
        == 5
    )
    assert words.count("differs the reference in our interval?") == 1


def test_the_page_says_what_its_intervals_are_worth_with_so_few_wells(tmp_path, repository):
    words, _ = audit(Screen(), tmp_path, repository)
    assert "intervals cover" not in words
    assert "about 97 % of screens with 8 positive and 16 negative wells" in words
    assert "about 96–99 % of screens with 4 positive and 8 negative wells" in words
    assert "All hold the trained network and C fixed" in words


def test_the_coverage_of_other_confidences_is_not_made_up(tmp_path, repository):
    inputs = Screen().write(tmp_path, repository)
    content = json.loads(inputs.provenance.read_text())
    content["configuration"]["evaluation"]["confidence"] = 0.9
    inputs.provenance.write_text(json.dumps(content))
    write_audit(inputs, tmp_path / "audit.html", tmp_path / "summary.txt")
    page = (tmp_path / "audit.html").read_text()
    assert "of screens with 8 positive" not in page
    assert "was not simulated for these numbers of wells and this confidence" in page


def test_blocks_and_statistics_are_those_of_the_configuration(tmp_path, repository):
    inputs = Screen().write(tmp_path, repository)
    content = json.loads(inputs.provenance.read_text())
    content["configuration"]["embeddings"] |= {"blocks": ["image", "block_32"], "block_statistics": ["std"]}
    inputs.provenance.write_text(json.dumps(content))
    write_audit(inputs, tmp_path / "audit.html", tmp_path / "summary.txt")
    page = (tmp_path / "audit.html").read_text()
    assert (
        "Standard deviation over space of every feature map of image, block_32. The untrained network uses the same."
        in page
    )


def test_a_simulated_screen_says_so_everywhere_and_agrees_with_nothing(tmp_path, repository):
    words, summary = audit(Screen(provenance={"simulated": True}), tmp_path, repository)
    assert "simulated screen" in summary.splitlines()[0]
    assert "All images of this run are simulated" in words
    assert "✓ agrees" not in words
    assert "not comparable: simulated screen" in words


def test_caveats_name_doses_checksum_few_wells_and_what_the_network_saw(tmp_path, repository):
    words, _ = audit(Screen(), tmp_path, repository)
    for caveat in (
        "from memory, not from an official plate map",
        "The official checksum of BBBC013_v1_images_bmp.zip is unknown",
        "Rows A–H hold only 8 positive and 16 negative control wells",
        "Rows E–H hold only 4 positive and 8 negative control wells",
        "with all plate rows in view",
        "Dose and place are confounded",
        "LY294002 is scored along Wortmannin’s axis",
        "that column is not held out",
        "It was not recorded where BBBC013_v1_images_bmp.zip was taken from",
        "The representation is transductive",
        "ConvAE (conv_ae) was trained by this run as well: the network saw images of tested wells",
        "ImageNet-collapsed (imagenet_collapsed) learned the labels that each question asks for",
    ):
        assert caveat in words


def test_a_run_without_a_trained_network_is_judged_by_its_first_featurizer(tmp_path, repository):
    words, summary = audit(Screen(z_primes={"intensity": 0.2, "segmentation": 0.5}), tmp_path, repository)
    assert "Channel intensities: held-out Z′ 0.20" in summary
    assert "not measured in this run" in words


def test_a_number_that_several_tables_repeat_is_kept_once(tmp_path):
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for path, extra in zip(paths, ("gandl", "intensity"), strict=True):
        write_table(
            pd.DataFrame([number_row(featurizer="nuclear_over_ring"), number_row(featurizer=extra)]), path, NUMBERS
        )
    assert sorted(numbers.read_numbers(paths)["featurizer"]) == ["gandl", "intensity", "nuclear_over_ring"]


def test_every_number_of_the_tables_is_on_the_page(tmp_path, repository):
    inputs = Screen().write(tmp_path, repository)
    write_audit(inputs, tmp_path / "audit.html", tmp_path / "summary.txt")
    count = len(numbers.read_numbers(inputs.numbers))
    assert f"All {count} numbers of this run" in (tmp_path / "audit.html").read_text()
    assert (tmp_path / "audit.html").read_text().count("plate rows held out: Wortmannin</td>") == 2 * len(FEATURIZERS)


def test_words_from_tables_cannot_become_markup(tmp_path, repository):
    screen = Screen(provenance={"run": "<script>alert(1)</script>"})
    write_audit(screen.write(tmp_path, repository), tmp_path / "audit.html", tmp_path / "summary.txt")
    assert read((tmp_path / "audit.html").read_text()).loads == []


@pytest.mark.parametrize(
    ("split", "untouched"),
    [
        ("leave_row_out:A-H", False),
        ("leave_row_out:A-D", False),
        ("leave_row_out:E-H", True),
        (f"x:{span(['A', 'C'])}", False),
        (f"x:{span(['C', 'E', 'G'])}", False),
        (f"x:{span(['E', 'G'])}", True),
        (f"x:{span(['E', 'F', 'G'])}", True),
        ("x:E", True),
    ],
)
def test_rows_that_chose_nothing_are_known_from_a_splits_name(split, untouched):
    assert numbers.untouched(split, ["A", "B", "C", "D"]) is untouched


def test_the_split_of_most_wells_comes_first():
    table = pd.DataFrame(controls("gandl", 0.5)[::-1])
    assert numbers.splits_of(table, "leave_row_out")[0] == "leave_row_out:A-H"


def test_a_strip_is_cut_at_the_ends_of_its_axis():
    inside, beyond = (strip([numbers.Value(0.0, low, 0.5, 24)]) for low in (-1.0, -50.0))
    assert re.findall(r"<path[^>]*>", inside) == re.findall(r"<path[^>]*>", beyond)
    assert inside != beyond, "its title still tells the true interval"


def test_costs_add_up_by_stage_in_the_order_of_the_corridor():
    jobs = [
        {"stage": "figures", "seconds": 2.0, "peak_mib": None},
        {"stage": "source", "seconds": 1.0, "peak_mib": 10.0},
        {"stage": "figures", "seconds": 3.0, "peak_mib": 30.0},
    ]
    assert [(cost.stage, cost.jobs, cost.seconds, cost.peak_mib) for cost in stage_costs(jobs)] == [
        ("source", 1, 1.0, 10.0),
        ("figures", 2, 5.0, 30.0),
    ]


@pytest.mark.parametrize(
    ("seconds", "reported"), [(None, "–"), (0.44, "0.4 s"), (61, "1 min 1 s"), (3600 * 2 + 300, "2 h 5 min")]
)
def test_durations_are_reported_as_people_say_them(seconds, reported):
    assert duration(seconds) == reported
