"""Channels are chosen by name: where they lie in a store does not matter, and none is added or lost in silence."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from gandl.embeddings.channels import select_channels
from gandl.embeddings.errors import EmbeddingError

MODEL = ["hoechst", "con_a", "phalloidin", "syto14", "wga"]
RXRX1 = ["hoechst", "con_a", "phalloidin", "syto14", "mitotracker", "wga"]
LEVELS = {name: 10 * i for i, name in enumerate(RXRX1)}


def image_of(channels: list[str]) -> np.ndarray:
    """One site (1, c, 2, 3) whose pixels identify their channel."""
    return np.stack([np.full((2, 3), LEVELS[name], np.uint16) for name in channels])[None]


def select(stored: list[str], wanted: list[str], dropped: list[str]) -> np.ndarray:
    """Levels of the channels that are seen."""
    selection = select_channels(stored, wanted, dropped, store="P.zarr", featurizer="gandl")
    seen = selection.of(image_of(stored))
    assert seen.dtype == np.uint16
    assert seen.flags.c_contiguous
    return seen[0, :, 0, 0]


@pytest.mark.parametrize(
    "stored", [RXRX1, *(list(order) for order in itertools.islice(itertools.permutations(RXRX1), 1, 720, 71))]
)
def test_mitotracker_is_left_out_by_name_wherever_it_lies(stored: list[str]) -> None:
    assert select(stored, MODEL, ["mitotracker"]).tolist() == [LEVELS[name] for name in MODEL]


def test_channels_as_the_model_knows_them_are_not_copied() -> None:
    images = image_of(MODEL)
    assert select_channels(MODEL, MODEL, ["mitotracker"], store="", featurizer="").of(images) is images


def test_a_channel_that_the_model_was_trained_on_is_never_dropped() -> None:
    assert select(RXRX1, RXRX1, ["mitotracker"]).tolist() == list(LEVELS.values())


@pytest.mark.parametrize(
    ("stored", "dropped", "fault"),
    [
        (RXRX1, [], "missing: none; left over: mitotracker; .* embeddings.drop_channels .*(now: none)"),
        (RXRX1, ["wga"], "missing: none; left over: mitotracker; .* (now: wga)"),
        (MODEL[:3], ["mitotracker"], "missing: syto14, wga; left over: none"),
        ([*MODEL[:4], "gfp"], [], "missing: wga; left over: gfp"),
    ],
)
def test_a_missing_or_extra_channel_is_refused_naming_both_lists_and_the_setting(
    stored: list[str], dropped: list[str], fault: str
) -> None:
    lists = f"P.zarr holds the channels {', '.join(stored)}, but .* gandl was made for {', '.join(MODEL)}; "
    with pytest.raises(EmbeddingError, match=(lists + fault).replace("(", r"\(").replace(")", r"\)")) as error:
        select(stored, MODEL, dropped)
    assert not re.search(r"\n", str(error.value))
