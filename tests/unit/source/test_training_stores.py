"""Which stores train networks without labels: all of the first screen but those that the configuration keeps unseen."""

from __future__ import annotations

import pytest

from gandl.config import SourceSettings
from gandl.source.stores import StoresError, stores_of_run, training_stores


def test_all_stores_of_the_first_screen_train_unless_some_are_unseen() -> None:
    source = SourceSettings()
    stores = stores_of_run(source, source.screen)
    assert training_stores(source) == stores
    unseen = [stores[1], stores[-1]]
    seen = training_stores(source.model_copy(update={"unseen": unseen}))
    assert seen == [name for name in stores if name not in unseen]


def test_an_unseen_store_that_the_run_does_not_have_is_refused() -> None:
    source = SourceSettings(unseen=["HRCE-9_9"])
    with pytest.raises(
        StoresError, match=r"source\.unseen names HRCE-9_9; the run has 10 stores of rxrx19a, HRCE-1_1 to"
    ):
        training_stores(source)


def test_something_must_be_left_to_train_on() -> None:
    source = SourceSettings()
    source = source.model_copy(update={"unseen": stores_of_run(source, source.screen)})
    with pytest.raises(StoresError, match="nothing is left to train on"):
        training_stores(source)
