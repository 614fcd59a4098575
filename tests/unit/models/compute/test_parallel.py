"""Dealing a batch to processes and microbatches; what processes average is tried with real ones in `test_distributed.py`."""

from __future__ import annotations

import pytest
import torch

from gandl.models.compute.ranks import ALONE, PartsError, Ranks, ranks_of_environment
from gandl.models.networks.layers import MinibatchDeviation

DEALS = [(16, 4, 1, 0), (16, 4, 2, 0), (16, 4, 2, 4), (16, 4, 1, 4), (24, 2, 3, 4), (8, 1, 4, 2), (8, 16, 1, 0)]
"""Batch, group, processes, microbatch."""


@pytest.mark.parametrize(("n", "group", "size", "micro"), DEALS)
def test_all_parts_together_are_the_batch(n: int, group: int, size: int, micro: int) -> None:
    parts = [part for rank in range(size) for part in Ranks(rank, size).deal(n, group, micro)]
    assert sorted(torch.cat(parts).tolist()) == list(range(n))
    assert {len(part) for part in parts} == {micro or n // size}


@pytest.mark.parametrize(("n", "group", "size", "micro"), DEALS)
def test_an_image_has_the_minibatch_deviation_that_it_has_in_the_whole_batch(
    n: int, group: int, size: int, micro: int
) -> None:
    images = torch.randn(n, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    deviation = MinibatchDeviation(group)

    def appended(x: torch.Tensor) -> torch.Tensor:
        return deviation(x)[0][:, -1, 0, 0]

    whole = appended(images)
    for rank in range(size):
        for part in Ranks(rank, size).deal(n, group, micro):
            torch.testing.assert_close(appended(images[part]), whole[part])


def test_one_process_computes_a_whole_batch_in_its_order() -> None:
    (part,) = ALONE.deal(16, 4)
    assert part.tolist() == list(range(16))


@pytest.mark.parametrize(
    ("ranks", "micro", "message"),
    [
        (Ranks(0, 3), 0, r"batch of 16 images cannot be split among 3 process.*multiple of 12"),
        (Ranks(0, 8), 0, r"multiple of 32"),
        (Ranks(0, 2), 6, r"8 images per process cannot be computed 6 at a time in whole groups of 4"),
        (Ranks(0, 1), 2, r"microbatch must be a multiple of 4 that divides 16"),
    ],
)
def test_a_batch_that_cannot_be_dealt_in_whole_groups_is_refused(ranks: Ranks, micro: int, message: str) -> None:
    with pytest.raises(PartsError, match=message):
        ranks.deal(16, 4, micro)


def test_a_process_alone_averages_nothing() -> None:
    tensor = torch.tensor([1.0, 2.0])
    ALONE.average_([tensor])
    assert tensor.tolist() == [1.0, 2.0]
    assert ALONE.mean(tensor).tolist() == [1.0, 2.0]
    assert not ALONE.any(False)
    assert ALONE.any(True)
    assert ALONE.largest(7) == 7
    assert ALONE.writes


def test_ranks_are_what_torchrun_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ranks_of_environment() == ALONE
    for name, value in (("RANK", "5"), ("WORLD_SIZE", "8"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    assert ranks_of_environment() == Ranks(5, 8, 1)
    assert not ranks_of_environment().writes
