"""Which plates are exported: refused in one sentence before anything runs, where the run does not have them."""

from __future__ import annotations

import pytest

from gandl.config import OmeZarrSettings
from gandl.images.export.choice import ChoiceError, plates_to_export, screen_to_export

STORES = {"rxrx19a": ["HRCE-1_1", "HRCE-1_2", "VERO-1_1"], "rxrx1": ["HUVEC-01", "HUVEC-02"]}


def test_nothing_named_means_every_plate_of_the_first_screen() -> None:
    settings = OmeZarrSettings()
    assert screen_to_export(settings, STORES) == "rxrx19a"
    assert plates_to_export(settings, STORES) == {"HRCE-1_1": [], "HRCE-1_2": [], "VERO-1_1": []}


def test_plates_are_found_in_their_stores() -> None:
    assert plates_to_export(OmeZarrSettings(plates=["VERO-1_1"]), STORES) == {"VERO-1_1": []}
    settings = OmeZarrSettings(screen="rxrx1", plates=["HUVEC-02_3", "HUVEC-02_1", "HUVEC-01"])
    assert plates_to_export(settings, STORES) == {"HUVEC-02": ["HUVEC-02_3", "HUVEC-02_1"], "HUVEC-01": []}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"plates": ["HRCE-1_7"]},
            "ome_zarr.plates names HRCE-1_7, which is no plate of rxrx19a in this run; it has 3 stores, HRCE-1_1 to VERO-1_1, "
            "and plates named as HRCE-1_1",
        ),
        ({"plates": ["HUVEC-01_1"]}, "ome_zarr.plates names HUVEC-01_1, which is no plate of rxrx19a in this run"),
        ({"plates": ["HRCE-1_1_1"]}, "ome_zarr.plates names HRCE-1_1_1, which is no plate of rxrx19a"),
        ({"screen": "rxrx1", "plates": ["HUVEC-01_x"]}, "HUVEC-01_x, which is no plate of rxrx1 in this run"),
        ({"screen": "bbbc013"}, "ome_zarr.screen names bbbc013; this run has rxrx19a, rxrx1"),
    ],
)
def test_what_the_run_does_not_have_is_refused(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(ChoiceError) as caught:
        plates_to_export(OmeZarrSettings.model_validate(settings), STORES)
    assert sentence in str(caught.value)


def test_wells_are_named_as_in_the_tables() -> None:
    assert OmeZarrSettings(wells=["b2", "P24", "AF48", "H08"]).wells == ["B02", "P24", "AF48", "H08"]
    for wrong in ("B0", "AG1", "B49", "12", "B2x"):
        with pytest.raises(ValueError, match=f"{wrong} is no well; wells are named A1"):
            OmeZarrSettings(wells=[wrong])
