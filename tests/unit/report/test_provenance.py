"""Provenance: complete, repeatable, and free of what names a machine or its user."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gandl.config import SourceSettings
from gandl.report.made.provenance import (
    ProvenanceError,
    configuration,
    git_state,
    job_costs,
    origin_of,
)
from gandl.source.remote.datasets import Download
from gandl.source.remote.origin import write_origin
from gandl.workflow.machines.hardware import versions
from report_inputs import LOCATION, plate_config, write_benchmark, write_run

EMPTY = ("simulation", "rxrx19a", "rxrx1")
"""Sections of `source` that are empty in a run of one's own images."""


@pytest.fixture
def written(tmp_path: Path, repository: Path) -> dict[str, Any]:
    write_run(tmp_path / "provenance.json", tmp_path, repository, mirror=str(tmp_path / "mirror"))
    return json.loads((tmp_path / "provenance.json").read_text())


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.items() for part in item for text in strings(part)]
    if isinstance(value, list):
        return [text for part in value for text in strings(part)]
    return [value] if isinstance(value, str) else []


def test_no_path_of_the_machine_and_no_name_is_reported(tmp_path, repository, monkeypatch):
    host = platform.uname_result("Linux", "host-of-ann", "6.1", "#1", "x86_64")
    monkeypatch.setattr(platform, "uname", lambda: host)
    for variable in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(variable, "user-ann")
    write_run(tmp_path / "provenance.json", tmp_path, repository, mirror=str(tmp_path / "mirror"))
    text = (tmp_path / "provenance.json").read_text()
    for secret in (str(tmp_path), str(repository), f"{Path.home()}/", "host-of-ann", "user-ann"):
        assert secret not in text
    assert not [found for found in strings(json.loads(text)) if re.match(r"/|[A-Za-z]:\\|~", found)]


def test_what_was_done_to_pixels_stands_beside_the_store(tmp_path, repository):
    processing = {"z": "max", "z_planes": 3, "scale": 65535.0}
    manifest = tmp_path / "plate_1.manifest.json"
    manifest.write_text(json.dumps({"processing": processing}))
    write_run(tmp_path / "provenance.json", tmp_path, repository, manifests=[manifest])
    (store,) = json.loads((tmp_path / "provenance.json").read_text())["stores"]
    assert store["processing"] == processing
    manifest.write_text("no json")
    with pytest.raises(ProvenanceError, match=r"plate_1\.manifest\.json is no manifest of an image store"):
        write_run(tmp_path / "provenance.json", tmp_path, repository, manifests=[manifest])


def test_the_same_run_gives_the_same_bytes(tmp_path, repository):
    files = [tmp_path / "one.json", tmp_path / "two.json"]
    for file in files:
        write_run(file, tmp_path, repository)
    one, two = (re.sub(r'"ended": "[^"]+"', "", file.read_text()) for file in files)
    assert one == two, "but for the end of jobs, whose files were written again"


def test_the_checksum_seen_is_reported_where_the_official_one_is_unknown(written):
    seen = hashlib.sha256(b"not really a zip").hexdigest()
    (entry,) = written["inputs"]
    assert entry["file"] == LOCATION
    assert entry["sha256"] == seen
    assert entry["checksum"] == f"official checksum unknown; observed {seen}"
    assert entry["bytes"] == 16


@pytest.mark.parametrize(
    ("published", "reported"), [("right", "as published"), ("wrong", "differs from the published")]
)
def test_a_published_checksum_is_compared(tmp_path, repository, published, reported):
    seen = hashlib.sha256(b"not really a zip").hexdigest()
    official = Download(
        "bbbc013", "images", f"https://{LOCATION}", 16, seen if published == "right" else "0" * 64, "CC BY 3.0", ""
    )
    write_run(tmp_path / "provenance.json", tmp_path, repository, downloads=[official])
    (entry,) = json.loads((tmp_path / "provenance.json").read_text())["inputs"]
    assert entry["checksum"].startswith(reported)


def test_an_archive_that_no_table_knows_is_refused(tmp_path, repository):
    with pytest.raises(ProvenanceError, match="is at no address"):
        write_run(tmp_path / "provenance.json", tmp_path, repository, downloads=[])


def test_the_mirror_is_no_part_of_the_configurations_hash(tmp_path, repository):
    hashes = []
    for mirror in (None, "../elsewhere"):
        write_run(tmp_path / "provenance.json", tmp_path, repository, mirror=mirror)
        hashes.append(json.loads((tmp_path / "provenance.json").read_text())["hashes"])
    assert hashes[0] == hashes[1]


def test_a_changed_setting_changes_the_configurations_hash_alone(tmp_path, repository):
    hashes = []
    for seed in (0, 1):
        write_run(tmp_path / "provenance.json", tmp_path, repository, config=plate_config(repository, seed=seed))
        hashes.append(json.loads((tmp_path / "provenance.json").read_text())["hashes"])
    assert hashes[0].pop("configuration") != hashes[1].pop("configuration")
    assert hashes[0] == hashes[1]


def test_an_absolute_plate_map_is_reported_by_its_name(repository):
    source = SourceSettings.model_validate(
        {"datasets": ["bbbc013"], "bbbc013": {"platemap": "/somewhere/mine.csv"}, **dict.fromkeys(EMPTY)}
    )
    reported = configuration(plate_config(repository, source=source))
    assert reported["source"]["bbbc013"]["platemap"] == "mine.csv"


def test_a_labs_own_tables_and_folder_are_reported_by_their_names(repository):
    plates = {"folder": "/somewhere/images", "pattern": "(?P<well>x)(?P<channel>y)", "wells": "/somewhere/wells.csv"}
    source = SourceSettings.model_validate(
        {"datasets": ["plates"], "plates": plates, **dict.fromkeys(EMPTY), "bbbc013": None}
    )
    reported = configuration(plate_config(repository, source=source))["source"]["plates"]
    assert (reported["table"], reported["folder"], reported["wells"]) == (None, "images", "wells.csv")


@pytest.mark.parametrize(
    ("mirror", "kind"),
    [
        (None, "official host"),
        ("../data/mirror", "mirror folder"),
        ("https://ann:secret@host.example:8080/files?key=1", "mirror server"),
    ],
)
def test_an_archive_reports_where_it_came_from_when_it_arrived_without_secrets(tmp_path, repository, mirror, kind):
    archive = tmp_path / "downloads" / LOCATION
    write_run(tmp_path / "provenance.json", tmp_path, repository)
    write_origin(archive, mirror, archive.with_name(f"{archive.name}.origin.json"))
    write_run(tmp_path / "provenance.json", tmp_path, repository, mirror="another one, configured since")
    (entry,) = json.loads((tmp_path / "provenance.json").read_text())["inputs"]
    assert entry["origin"]["kind"] == kind
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", entry["origin"]["date"])
    assert "secret" not in (tmp_path / "provenance.json").read_text()


def test_the_origin_of_other_bytes_or_of_none_is_unknown(tmp_path, written):
    unknown = {"kind": "unknown", "date": None}
    assert written["inputs"][0]["origin"] == unknown
    archive = tmp_path / "downloads" / LOCATION
    write_origin(archive, None, archive.with_name(f"{archive.name}.origin.json"))
    assert origin_of(archive, "0" * 64) == unknown


@pytest.mark.parametrize("content", ["not JSON", "[]", "{}"])
def test_an_origin_that_cannot_be_read_is_named(tmp_path, content):
    (tmp_path / "a.zip.origin.json").write_text(content)
    with pytest.raises(ProvenanceError, match=r"a\.zip\.origin\.json does not state"):
        origin_of(tmp_path / "a.zip", "0" * 64)


def hashes_of(tmp_path: Path, repository: Path, **changes: Any) -> dict[str, str]:
    write_run(tmp_path / "provenance.json", tmp_path, repository, **changes)
    return json.loads((tmp_path / "provenance.json").read_text())["hashes"]


def test_the_code_of_each_rule_is_reported_and_decides_the_hash_of_the_code(tmp_path, repository, written):
    assert written["code"] == {"training": "0123456789abcdef", "sites": {"bbbc013": "fedcba9876543210"}}
    other = hashes_of(tmp_path, repository, code={**written["code"], "training": "0" * 16})
    assert {name for name in other if other[name] != written["hashes"][name]} == {"code"}


def test_a_changed_rule_changes_the_hash_of_the_workflow(tmp_path, repository, written):
    rule = tmp_path / "rules/report.smk"
    rule.parent.mkdir()
    rule.write_text((repository / "rules/report.smk").read_text() + "\n# changed\n")
    other = hashes_of(tmp_path, repository, workflow=[repository / "Snakefile", rule])
    assert {name for name in other if other[name] != written["hashes"][name]} == {"workflow"}


@pytest.fixture
def git_repository(tmp_path: Path) -> Path:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "file.txt").write_text("one\n")
    for command in (
        ["init", "--quiet"],
        ["add", "file.txt"],
        ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false", "commit", "-qm", "One"],
    ):
        subprocess.run(["git", "-C", str(folder), *command], check=True)
    return folder


def test_the_commit_is_reported_and_whether_files_differ_from_it(git_repository):
    state = git_state(git_repository)
    assert re.fullmatch(r"[0-9a-f]{40}", state["commit"])
    assert state["dirty"] is False
    (git_repository / "file.txt").write_text("two\n")
    assert git_state(git_repository) == {**state, "dirty": True}


def test_a_folder_inside_somebody_elses_repository_has_no_commit(git_repository):
    inside = git_repository / "inside"
    inside.mkdir()
    assert git_state(inside) is None


def test_a_folder_outside_git_has_no_commit(tmp_path):
    assert git_state(tmp_path) is None


def test_every_job_reports_its_time_and_its_memory(written):
    jobs = {job["job"]: job for job in written["jobs"]}
    ended = [datetime.fromisoformat(job.pop("ended")) for job in written["jobs"]]
    assert all(abs(datetime.now(UTC) - end) < timedelta(hours=1) for end in ended), (
        "the benchmark files were just written"
    )
    assert jobs["gandl_seed_0"] == {
        "stage": "models",
        "job": "gandl_seed_0",
        "rule": None,
        "seconds": 610.2,
        "cpu_seconds": 1100.0,
        "peak_mib": 900.4,
        "reads": [],
        "makes": [],
    }
    assert jobs["bbbc013_sites"]["peak_mib"] is None, "too short a job to be looked at"


def test_a_repeated_job_counts_by_its_last_line(tmp_path):
    write_benchmark(tmp_path / "models/one.jsonl", s=1.0)
    with (tmp_path / "models/one.jsonl").open("a") as file:
        file.write('{"s": 2.0, "rule_name": "training"}\n')
    (job,) = job_costs(tmp_path)
    assert (job["seconds"], job["rule"]) == (2.0, "training")


def test_a_job_names_the_files_that_it_read_and_made_and_no_folder_of_the_machine(tmp_path):
    read = {"results/a/source/sites.parquet": 1.0, "/somewhere/else/sites.csv": 2.0}
    values = {"s": 1.0, "rule_name": "controls", "wildcards": {"featurizer": "gandl"}, "input_size_mb": read}
    write_benchmark(tmp_path / "benchmarks/evaluation/one.jsonl", **values)
    made = ["results/a/{featurizer}.parquet", "results/a/{featurizer,[a-z]{5}|x}.csv", "results/a/{seed}.json"]
    (job,) = job_costs(tmp_path / "benchmarks", tmp_path, {"controls": made})
    assert job["reads"] == ["results/a/source/sites.parquet", "sites.csv"]
    assert job["makes"] == ["results/a/gandl.csv", "results/a/gandl.parquet"], "of the seed nothing is known"


@pytest.mark.parametrize("content", ["", "s\th:m:s\n1.0\t0:00:01\n"])
def test_a_benchmark_file_that_is_no_json_is_named(tmp_path, content):
    (tmp_path / "models").mkdir()
    (tmp_path / "models/one.jsonl").write_text(content)
    with pytest.raises(ProvenanceError, match=r"models/one.jsonl holds no JSON line"):
        job_costs(tmp_path)


def test_a_package_that_is_not_as_locked_is_named(tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text("numpy==0.0.1 \\\n    --hash=sha256:00\nno-such-package==1.0\n")
    found = versions(lock)
    assert found["differ_from_lock"]["numpy"].endswith(", locked 0.0.1")
    assert found["differ_from_lock"]["no-such-package"] == "absent, locked 1.0"
    assert "no-such-package" not in found["packages"]
