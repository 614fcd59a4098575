"""Checkpoints: what is kept, what is refused, and that nothing is lost where writing fails."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch

from gandl.models.engine import checkpoint
from gandl.models.engine.checkpoint import CheckpointError, Checkpoints, differences

PARTS = {"settings": {"r1_gamma": 5.0, "network": {"crop": 16}}, "seed": 1, "code": "abc", "data": {"S_1": "f00"}}


def state(value: float) -> dict[str, object]:
    return {"weights": torch.full((300,), value), "plain": [value, "text", None]}


@pytest.fixture
def kept(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path, PARTS)


def steps(kept: Checkpoints) -> list[tuple[int, int]]:
    """(course, step) of all files."""
    names = sorted(path.name for path in kept.folder.glob("*.pt"))
    return [(int(course), int(step)) for course, step, _ in (name.split("-") for name in names)]


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_what_was_saved_last_is_loaded(kept: Checkpoints) -> None:
    assert kept.load() is None
    kept.save(state(1.0), 10)
    kept.save(state(2.0), 20)
    loaded = kept.load()
    assert loaded is not None
    assert torch.equal(loaded["weights"], torch.full((300,), 2.0))
    assert loaded["plain"] == [2.0, "text", None]


def test_two_are_kept_and_the_older_can_be_requested(kept: Checkpoints) -> None:
    for step in (10, 20, 30):
        kept.save(state(step), step)
    assert steps(kept) == [(0, 20), (0, 30)]
    assert kept.find(older=True) == (0, 20)
    assert kept.load(older=True)["plain"][0] == 20


def test_a_course_that_went_back_leaves_nothing_of_what_it_gave_up(kept: Checkpoints) -> None:
    for step in (10, 20):
        kept.save(state(step), step)
    kept.save(state(20), 20, course=1)
    assert steps(kept) == [(0, 10), (1, 20)]
    kept.save(state(10), 10, course=2)
    assert steps(kept) == [(2, 10)]
    assert kept.find(older=True) is None
    kept.save(state(20), 20, course=2)
    assert steps(kept) == [(2, 10), (2, 20)]


def test_a_damaged_one_falls_back_to_the_one_before_and_counts_no_longer(
    kept: Checkpoints, caplog: pytest.LogCaptureFixture
) -> None:
    kept.save(state(10), 10)
    last = kept.save(state(20), 20)
    damage(last)
    assert kept.load()["plain"][0] == 10
    assert f"{last} is damaged" in caplog.text
    kept.save(state(30), 30)
    assert steps(kept) == [(0, 10), (0, 30)]
    assert len(list(kept.folder.iterdir())) == 3  # and training.json: the damaged one is gone


def test_where_all_are_damaged_training_starts_anew(kept: Checkpoints) -> None:
    damage(kept.save(state(10), 10))
    assert kept.load() is None


def test_a_checkpoint_of_another_version_is_refused(kept: Checkpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "FORMAT", "gandl-checkpoint-1")
    path = kept.save(state(10), 10)
    monkeypatch.undo()
    with pytest.raises(
        CheckpointError, match=r"of format gandl-checkpoint-1, and this version of gandl reads"
    ) as reported:
        kept.load()
    assert str(path) in str(reported.value)


def test_a_checkpoint_from_before_there_were_versions_is_refused(kept: Checkpoints) -> None:
    path = kept.save(state(10), 10)
    torch.save({"step": 10}, path)
    digest = checkpoint.sha256_of(path)[:16]
    path.rename(path.with_name(f"{10:010d}-{digest}.pt"))
    with pytest.raises(CheckpointError, match="of format unknown"):
        kept.load()


def test_a_pickle_is_never_run(kept: Checkpoints, tmp_path: Path) -> None:
    class Code:
        def __reduce__(self) -> tuple:
            return Path.touch, (tmp_path / "ran",)

    path = kept.save(state(10), 10)
    torch.save({"format": checkpoint.FORMAT, "state": Code()}, path)
    path.rename(path.with_name(f"000-{10:010d}-{checkpoint.sha256_of(path)[:16]}.pt"))
    with pytest.raises(CheckpointError, match="more than tensors and plain values"):
        kept.load()
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_copied_from_another_training_is_refused_with_the_keys_that_differ(
    kept: Checkpoints, tmp_path: Path
) -> None:
    other = Checkpoints(tmp_path, {**PARTS, "seed": 2, "settings": {"r1_gamma": 50.0, "network": {"crop": 16}}})
    path = other.save(state(10), 10)
    kept.folder.mkdir(parents=True)
    (kept.folder / path.name).write_bytes(path.read_bytes())
    with pytest.raises(CheckpointError, match=r"seed: 2 there, 1 here; settings\.r1_gamma: 50\.0 there, 5\.0 here"):
        kept.load()


def test_checkpoints_of_other_trainings_say_why_this_one_starts_anew(kept: Checkpoints, tmp_path: Path) -> None:
    assert kept.foreign() is None
    far = {"settings": {}, "seed": 9, "code": "def", "data": {}}
    near = {**PARTS, "settings": {**PARTS["settings"], "r1_gamma": 50.0}}
    for parts in (far, near):
        Checkpoints(tmp_path, parts).save(state(10), 10)
    damaged = Checkpoints(tmp_path, {**PARTS, "seed": 7})
    damaged.save(state(10), 10)
    (damaged.folder / "training.json").write_text('{"seed": ')
    reported = kept.foreign()
    assert reported is not None
    assert str(Checkpoints(tmp_path, near).folder) in reported
    assert "(settings.r1_gamma: 50.0 there, 5.0 here)" in reported


def test_differences_name_keys_with_dots_and_what_is_absent() -> None:
    there = {"a": {"b": 1, "c": {"d": 2}}, "e": "x", "same": None}
    here = {"a": {"b": 1, "c": {"d": 3}}, "f": [1], "same": None}
    assert differences(there, here) == [
        "a.c.d: 2 there, 3 here",
        "e: x there, absent here",
        "f: absent there, [1] here",
    ]


def test_a_full_disk_is_reported_and_costs_only_the_checkpoint_it_hit(
    kept: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.save(state(10), 10)
    write = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        write(self, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(CheckpointError, match=r"step 20 .* No space left on device.* that of step 10 is kept"):
        kept.save(state(20), 20)
    assert steps(kept) == [(0, 10)]
    assert list(kept.folder.glob(".*partial")) == []
    assert kept.load()["plain"][0] == 10


def test_a_disk_that_lies_is_found_out(kept: Checkpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.save(state(10), 10)
    write = Path.write_bytes
    monkeypatch.setattr(Path, "write_bytes", lambda self, data: write(self, bytes(len(data))))
    with pytest.raises(CheckpointError, match="differs from what was written"):
        kept.save(state(20), 20)
    assert steps(kept) == [(0, 10)]


def test_what_a_killed_process_left_half_written_is_removed(kept: Checkpoints) -> None:
    kept.save(state(10), 10)
    (kept.folder / ".000-0000000020-0123456789abcdef.pt.1.partial").write_bytes(b"half")
    assert kept.load()["plain"][0] == 10
    assert list(kept.folder.glob(".*partial")) == []


def test_a_process_that_does_not_see_the_file_of_another_says_so(kept: Checkpoints) -> None:
    with pytest.raises(CheckpointError, match="must be where all processes see the same files"):
        kept.read(0, 10)
