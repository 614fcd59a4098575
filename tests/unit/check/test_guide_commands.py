"""The table "What do you have?" of docs/your-plates.md: each command is run as it is printed there, with just what it is for."""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
import tifffile

from gandl.commands.check import add_parser
from gandl.config.files import read_config
from load_data_files import CHANNELS, FAR, write_listed_plates
from plate_files import Well, as_16_bit, draw_cells, layout, write_csv, write_six_channel_plates
from zarr_plates import ZarrPlate, write_plate


def wells_csv() -> None:
    write_csv(
        Path("wells.csv"),
        [
            {"well": well.name, "control": well.control, "treatment": well.treatment,
             "concentration_um": "" if well.concentration_um is None else well.concentration_um}
            for well in layout("ABCD")
        ],
    )  # fmt: skip


def folder_of_images(name_of: Callable[[Well, int], str]) -> None:
    """`data/my_screen` with drawn cells, one site per well, two channels; and what was done to its wells."""
    rng = np.random.default_rng(0)
    for well in layout("ABCD"):
        for channel, plane in enumerate(draw_cells(rng, (80, 80), well.effect, 2), start=1):
            path = Path("data/my_screen", name_of(well, channel))
            path.parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(path, as_16_bit(plane, rng))
    wells_csv()


def phenix(well: Well, channel: int) -> str:
    return f"BR00000001/r{ord(well.name[0]) - 64:02d}c{well.name[1:]}f01p01-ch{channel}sk1fk1fl1.tiff"


def load_data() -> None:
    listed = write_listed_plates(Path("listed"))
    text = listed.load_data.read_text().replace(f"{FAR}/images", "images")
    listed.load_data.write_text(text)
    for path in listed.folder.iterdir():
        shutil.move(path, path.name)


def plate_map() -> None:
    folder_of_images(phenix)
    listed = write_listed_plates(Path("listed"), images=False)
    for name in ("barcode_platemap.csv", "platemap", "external_metadata.tsv"):
        shutil.move(listed.folder / name, name)


def several_channels() -> None:
    rng = np.random.default_rng(0)
    rows = []
    for well in layout("ABCD"):
        name = f"{well.name}.ome.tif"
        pixels = np.stack([as_16_bit(plane, rng) for plane in draw_cells(rng, (80, 80), well.effect, 2)])
        Path("data").mkdir(exist_ok=True)
        tifffile.imwrite(f"data/{name}", pixels, metadata={"axes": "CYX", "Channel": {"Name": list(CHANNELS)}})
        rows.append({"well": well.name, "control": well.control, "treatment": well.treatment, "file": name})
    write_csv(Path("data/sites.csv"), rows)


def workbook() -> None:
    table = write_six_channel_plates(Path("data"))
    book = openpyxl.Workbook()
    for line in table.read_text().splitlines():
        book.active.append(line.split(","))
    book.save("data/sites.xlsx")
    table.unlink()


def zarr_plate() -> None:
    wells = [f"{well.name[0]}/{int(well.name[1:])}" for well in layout("ABCD")]
    write_plate(Path("data/plate.zarr"), ZarrPlate(wells=wells, fields=1, side=80))
    wells_csv()


HAVING: dict[str, Callable[[], object]] = {
    "LoadData": load_data,
    "plate map": plate_map,
    "folder": lambda: folder_of_images(phenix),
    "names of your own": lambda: folder_of_images(lambda well, channel: f"{well.name}_s1_w{channel}.tif"),
    "OME-Zarr": zarr_plate,
    "TIFFs of several channels": several_channels,
    "Excel": workbook,
    "nothing yet": lambda: write_six_channel_plates(Path("data")),
}


def commands(repository: Path) -> dict[str, str]:
    """What somebody has -> the command."""
    text = (repository / "docs/your-plates.md").read_text(encoding="utf-8")
    part = text[text.index("## What do you have?") : text.index("### LoadData")]
    rows = re.findall(r"^\| (.+?) \| .*?`(gandl check .+?)`.*\|$", part, re.MULTILINE)
    return {next(iter(re.findall(r"\*\*(.+?)\*\*", have)), have): command for have, command in rows}


def test_every_row_is_tried(repository: Path) -> None:
    assert list(commands(repository)) == list(HAVING)


@pytest.mark.parametrize("have", HAVING)
def test_the_command_of_a_row_writes_a_configuration(
    have: str, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    HAVING[have]()
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    options = parser.parse_args(shlex.split(commands(repository)[have])[1:])
    options.run(options)
    printed = capsys.readouterr().out
    assert "No problems: these plates can be used." in printed
    plates = read_config(Path("config/my.yaml")).source.plates
    assert plates is not None
    plain = have in ("nothing yet", "TIFFs of several channels")
    assert plates.table == ("data/sites.csv" if plain else "config/my_sites.csv")
    assert Path("config/my_sites.csv").exists() != plain
    assert set(pd.read_csv(plates.table)["control"].dropna()) >= {"positive", "negative"}
