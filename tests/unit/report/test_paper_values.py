"""The reference values themselves: nothing that the papers print is missing, and nothing is mistyped."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from gandl.report.reference.margins import DIFFERENCE, MERGED, OVER_MERGED, elsewhere
from gandl.report.reference.values import COMPOUNDS, Kind, Reference, read_values
from gandl.tables.printed import PAPER, PREPRINT, PrintedError, printed_in

NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?!\w)|\d[\d,]*")
MARKUP = re.compile(r"\\textbf|[${}\s]")
SIGNS = {r"\times": "×", r"\pm": "±"}
ID = re.compile(r"\b(?:bmc|preprint|representations|cytogan):\d+:\d+\b")


@pytest.fixture(scope="module")
def values(repository: Path) -> list[Reference]:
    return read_values(repository / "resources/paper_values.csv")


@pytest.fixture(scope="module")
def excluded(repository: Path) -> list[dict[str, str]]:
    with (repository / "resources/paper_values_none.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def shared_papers(repository: Path) -> Path:
    """Folder of the papers' texts beside the project; tests that need it are skipped where it is absent."""
    folder = repository.parent / "shared" / "papers"
    if not folder.is_dir():
        pytest.skip("the texts of the papers (../shared/papers) are not beside this clone")
    return folder


@pytest.fixture(scope="module")
def checklist(repository: Path) -> list[dict[str, str]]:
    path = repository.parent / "shared" / "facts" / "paper_values_checklist.csv"
    if not path.is_file():
        pytest.skip("the checklist of the papers' numbers (../shared/facts) is not beside this clone")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def bare(text: str) -> str:
    """A number without sign, unit and punctuation."""
    return text.replace("−", "").replace("-", "").strip(" %.,;")


def numbers_in(text: str) -> list[str]:
    return [bare(found) for found in NUMBER.findall(text)]


def test_every_number_of_every_sentence_is_a_row_or_is_excluded_with_a_reason(
    checklist: list[dict[str, str]], values: list[Reference], excluded: list[dict[str, str]]
) -> None:
    listed: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for reference in values:
        listed[reference.paper, reference.line, reference.sentence].update(numbers_in(reference.printed))
    for row in excluded:
        listed[row["paper"], row["line"], row["sentence"]].update(bare(number) for number in row["numbers"].split(";"))
    missing = []
    for row in checklist:
        place = (row["paper"], row["line"], row["sentence"])
        printed = Counter(bare(number) for number in row["numbers"].split(";"))
        missing += [f"{place[0]}, line {place[1]}: {number}" for number in printed - listed[place]]
    assert missing == []


def test_what_is_excluded_stands_in_the_checklist_and_has_a_reason(
    checklist: list[dict[str, str]], excluded: list[dict[str, str]]
) -> None:
    printed = {(row["paper"], row["line"], row["sentence"]): row["numbers"].split("; ") for row in checklist}
    for row in excluded:
        assert set(row["numbers"].split("; ")) <= set(printed[row["paper"], row["line"], row["sentence"]]), row
        assert row["reason"].endswith("."), row


def test_every_sentence_begins_in_its_paper_where_the_row_says(
    shared_papers: Path, checklist: list[dict[str, str]], values: list[Reference]
) -> None:
    """Those of the checklist, of which the line is that of their paragraph, were cut by a machine."""
    known = {(row["paper"], row["line"], row["sentence"]) for row in checklist}
    texts = {path.stem: path.read_text(encoding="utf-8").splitlines() for path in shared_papers.glob("*.txt")}
    for reference in values:
        if reference.paper and (reference.paper, reference.line, reference.sentence) not in known:
            first, *further = ("".join(line.split()) for line in texts[reference.paper][int(reference.line) - 1 :])
            begins = (first + "".join(further)).find("".join(reference.sentence.split()))
            assert 0 <= begins < len(first), reference.id


def without_markup(text: str) -> str:
    """A sentence of a paper's text as it is printed, without spaces."""
    for name, sign in SIGNS.items():
        text = text.replace(name, sign)
    return MARKUP.sub("", text)


def test_what_is_printed_stands_in_the_sentence(values: list[Reference]) -> None:
    lost = [r.id for r in values if r.paper and without_markup(r.printed) not in without_markup(r.sentence)]
    assert lost == []


def test_rows_that_notes_name_exist_and_the_id_of_a_row_is_its_paper_and_line(values: list[Reference]) -> None:
    ids = {reference.id for reference in values}
    for reference in values:
        assert set(ID.findall(reference.note)) <= ids, reference.id
        if reference.paper:
            assert reference.id.split(":")[1] == reference.line, reference.id


def test_bounds_of_contained_are_the_least_that_the_same_table_gives_the_imagenet_based_ones(
    values: list[Reference],
) -> None:
    bounded = [r for r in values if r.metric == OVER_MERGED and r.high is not None]
    assert {reference.source for reference in bounded} == {PAPER, PREPRINT}
    for reference in bounded:
        accuracy = {
            (r.featurizer, r.split): r.value
            for r in values
            if r.source == reference.source and r.question == "controls" and r.metric == "accuracy" and r.value
        }
        over = [
            value - accuracy[name, MERGED]
            for (name, split), value in accuracy.items()
            if name.startswith("imagenet") and split != MERGED
        ]
        assert min(over) == pytest.approx(reference.high), reference.id


def test_every_row_of_a_paper_says_where_it_stands(values: list[Reference]) -> None:
    for reference in values:
        assert reference.what, reference.id
        if reference.source not in ("project", "none"):
            assert all((reference.source, reference.place, reference.paper, reference.line, reference.sentence)), (
                reference.id
            )
            assert reference.printed, reference.id


def test_what_is_compared_with_nothing_says_why(values: list[Reference]) -> None:
    assert [r.id for r in values if not r.metric and not r.note] == []


def test_values_are_what_is_printed(values: list[Reference]) -> None:
    """Accuracies are printed in per cent, counts as they are."""
    for reference in values:
        digits = numbers_in(reference.printed)
        if reference.paper and reference.metric == "accuracy" and reference.value is not None:
            assert float(digits[0]) / 100 == pytest.approx(reference.value), reference.id
        if reference.kind is Kind.COUNT and reference.metric and digits:
            assert float(digits[0].replace(",", "")) == reference.value, reference.id


def test_repeated_rows_print_the_same_number(values: list[Reference]) -> None:
    by_id = {reference.id: reference for reference in values}
    for reference in values:
        if reference.repeats:
            first = by_id[reference.repeats]
            assert first.repeats == ""
            stated = [(r.key, r.source, r.low, r.value, r.high, r.text) for r in (first, reference)]
            assert stated[0] == stated[1], reference.id


def test_rows_that_conflict_name_each_other(values: list[Reference]) -> None:
    by_id = {reference.id: reference for reference in values}
    for reference in values:
        for other in reference.conflicts.split():
            assert reference.id in by_id[other].conflicts.split(), (reference.id, other)


def test_claims_are_in_words(values: list[Reference]) -> None:
    numbered = [r.id for r in values if r.kind is Kind.CLAIM and r.value is not None and numbers_in(r.printed)]
    assert numbered == [], "a claim with a number is a result"


def test_counts_that_disagree_name_each_other(values: list[Reference]) -> None:
    by_id = {reference.id: reference for reference in values}
    pairs = {
        frozenset((reference.printed, by_id[other].printed))
        for reference in values
        if reference.kind is Kind.COUNT
        for other in reference.conflicts.split()
    }
    assert frozenset(("125,510", "125,514")) in pairs
    assert frozenset(("1,670", "1,672")) in pairs


def test_notes_on_margins_give_what_the_table_of_the_paper_gives(values: list[Reference]) -> None:
    checked = 0
    for reference in values:
        noted = re.search(r"(?:gives?) (\d+\.\d+)", reference.note)
        if reference.metric == DIFFERENCE and noted:
            assert elsewhere(reference, values).startswith(noted.group(1)), reference.id
            checked += 1
    assert checked >= 15


def test_both_tables_1_are_complete(repository: Path) -> None:
    path = repository / "resources/paper_values.csv"
    for source, columns in ((PAPER, 5), (PREPRINT, 3)):
        table = printed_in(path, source)
        cells = table[(table["dataset"] == "rxrx19a") & (table["metric"] == "accuracy")]
        assert len(cells) == 4 * columns
        assert not cells.duplicated(["featurizer", "question", "split"]).any()
        assert cells["value"].between(0, 1).all()
    zero_shot = printed_in(path, PREPRINT).query("question == 'cell_type' and metric == 'accuracy'")
    assert sorted(zero_shot["value"]) == [0.8319, 0.9268]


def test_a_table_of_values_without_a_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "values.csv"
    path.write_text("dataset,value\n")
    with pytest.raises(PrintedError, match="lack the columns source, repeats"):
        printed_in(path, PAPER)


def test_the_strongest_compounds_are_all_named(values: list[Reference]) -> None:
    named = Counter(
        r.split.partition(":")[0] for r in values if r.question == COMPOUNDS and r.metric == "efficacy_rank"
    )
    assert named == {"HRCE": 5, "VERO": 4}


def test_every_target_is_a_rule(repository: Path, values: list[Reference]) -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in (repository / "rules").rglob("*.smk"))
    rules = set(re.findall(r"^(?:rule (\w+)|use rule \w+ as (\w+) with):$", text, re.MULTILINE))
    known = {name for pair in rules for name in pair if name}
    assert {reference.target for reference in values if reference.target} <= known
