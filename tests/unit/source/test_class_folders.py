"""Screens in folders of classes: labels in file names become sites; a name or folder that does not fit is named."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from gandl.config import ClassFoldersSettings, Dataset, ImagesSettings, SourceSettings
from gandl.images.screens.packing import Raw, Target, pack_store_of
from gandl.images.screens.plates import PlateImagesError
from gandl.images.store_reader import ImageStore
from gandl.source.class_folders.names import class_of, class_stores, pattern_of
from gandl.source.class_folders.sites import write_sites
from gandl.source.class_folders.state import state_of_classes, states_of_class_stores
from gandl.source.plates.tabular.mistakes import PlatesError
from gandl.source.sites import write_sites_of
from gandl.source.stores import stores_of_run
from gandl.tables import SITES, read_table

Files = dict[str, np.ndarray]


def image(seed: int, side: int = 64) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (side, side), np.uint8)


def screen(suffix: str = "png") -> Files:
    """Two cell lines; a well with vehicle in train and one in test, a drug at two doses; two time points of each."""
    wells = {
        "train/controls": ("A01", "DMSO"),
        "test/controls": ("A02", "DMSO"),
        "train/drugs": ("B01", "MTX_c=10.0"),
        "test/drugs": ("B02", "MTX_c=0,5"),
    }
    names = [
        f"{folder}/{line}_CL3_P{1 + i}_{well}_{drug}_2019-05-{day:02d}.{suffix}"
        for i, line in enumerate(("M14", "HT29"))
        for folder, (well, drug) in wells.items()
        for day in (2, 10)
    ]
    return {name: image(i) for i, name in enumerate(names)}


def put(folder: Path, files: Files) -> ClassFoldersSettings:
    for name, pixels in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return ClassFoldersSettings(folder=str(folder))


def sites_of(settings: ClassFoldersSettings, output: Path) -> pd.DataFrame:
    write_sites_of("class_folders", settings.model_dump(mode="json"), [], output)
    return read_table(output, SITES)


def message(settings: ClassFoldersSettings, output: Path) -> str:
    with pytest.raises(PlatesError) as raised:
        write_sites(settings, output)
    return str(raised.value)


@pytest.fixture
def data(tmp_path: Path) -> ClassFoldersSettings:
    return put(tmp_path / "data", screen())


class TestSites:
    def test_labels_come_from_names_and_controls_from_their_class(
        self, data: ClassFoldersSettings, tmp_path: Path
    ) -> None:
        sites = sites_of(data, tmp_path / "sites.parquet")
        assert sites["store_id"].unique().tolist() == ["HT29_P2", "M14_P1"]
        assert len(sites) == 16
        vehicle = sites[sites["well_id"] == "M14_P1_A01"]
        assert vehicle["site"].tolist() == [1, 2]
        assert vehicle["file_grey"].str.contains("05-02").tolist() == [True, False]
        assert set(vehicle["control"]) == {"negative"}
        assert vehicle[["treatment", "concentration_um"]].isna().all(axis=None)
        assert set(vehicle["drug"]) == {"DMSO"}
        assert set(vehicle["given_part"]) == {"train"}
        drug = sites[sites["well_id"] == "HT29_P2_B02"].iloc[0]
        assert (drug["cell_type"], drug["control"], drug["treatment"]) == ("HT29", "none", "MTX")
        assert (drug["concentration_um"], drug["given_part"], drug["class_name"]) == (0.5, "test", "drugs")
        assert (drug["row"], drug["column"], drug["experiment"]) == ("B", 2, "HT29")

    def test_stores_are_those_that_the_workflow_plans(self, data: ClassFoldersSettings, tmp_path: Path) -> None:
        source = SourceSettings(
            datasets=[Dataset.CLASS_FOLDERS], simulation=None, rxrx19a=None, rxrx1=None, class_folders=data
        )
        stores = stores_of_run(source, Dataset.CLASS_FOLDERS)
        assert stores == sites_of(data, tmp_path / "sites.parquet")["store_id"].unique().tolist()

    def test_folders_of_classes_may_lie_without_parts_and_hold_folders(self, tmp_path: Path) -> None:
        files = {name.split("/", 1)[1].replace("drugs/", "drugs/deeper/"): pixels for name, pixels in screen().items()}
        sites = sites_of(put(tmp_path / "data", files), tmp_path / "sites.parquet")
        assert set(sites["given_part"]) == {""}
        assert set(sites["class_name"]) == {"controls", "drugs"}

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("M14_CL3_P1_C05_MTX_c=0.1_2019-01-01.png", ("M14", "P1", "C05", "MTX", "0.1")),
            ("M14_P1_C5_DMSO.png", ("M14", "P1", "C5", "DMSO", None)),
            ("T47D_a_b_plate-2_AB12_PEM_c=1e-2.jpg", ("T47D", "plate-2", "AB12", "PEM", "1e-2")),
            ("M14_x_P1_C05_MTXc=3_2019_7.tif", ("M14", "P1", "C05", "MTX", "3")),
        ],
    )
    def test_the_default_pattern_reads_the_names_of_the_paper(
        self, name: str, expected: tuple[str | None, ...]
    ) -> None:
        found = pattern_of(ClassFoldersSettings()).search(name)
        assert found is not None
        groups = ("cell_line", "plate", "well", "drug", "concentration")
        assert tuple(found[group] for group in groups) == expected

    def test_a_pattern_of_ones_own_may_name_an_experiment_and_leave_out_the_drug(self, tmp_path: Path) -> None:
        names = [f"{kind}/b1-{line}-{well}-{i}.png" for kind, well in (("controls", "A1"), ("drugs", "A2"))
                 for line in ("M14",) for i in (1, 2)]  # fmt: skip
        settings = put(tmp_path / "data", {name: image(i) for i, name in enumerate(names)})
        pattern = r"^(?P<experiment>b\d)-(?P<cell_line>\w+)-(?P<well>\w+)-(?P<plate>)"
        changed = settings.changed(pattern=pattern)
        assert "do not fit the pattern" in message(changed, tmp_path / "sites.parquet")
        changed = settings.changed(pattern=r"^(?P<experiment>b\d)-(?P<cell_line>(?P<plate>\w+))-(?P<well>\w+)-")
        sites = sites_of(changed, tmp_path / "sites.parquet")
        assert set(sites["store_id"]) == {"b1_M14"}
        assert set(sites.loc[sites["control"] == "none", "treatment"]) == {"drugs"}

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("train/drugs/a.png", ("train", "drugs")),
            ("TEST/controls/x/a.png", ("test", "controls")),
            ("drugs/a.png", ("", "drugs")),
            ("train/a.png", ("train", "")),
            ("a.png", ("", "")),
        ],
    )
    def test_a_class_is_the_first_folder_that_is_no_part(self, name: str, expected: tuple[str, str]) -> None:
        assert class_of(name) == expected


class TestMistakes:
    def test_a_folder_without_classes(self, tmp_path: Path) -> None:
        files = {name.rsplit("/", 1)[1]: pixels for name, pixels in screen().items()}
        text = message(put(tmp_path / "data", files), tmp_path / "sites.parquet")
        assert "has no folders of classes for HT29_CL3_P2_A01_DMSO_2019-05-02.png" in text
        assert "and 13 more" in text
        assert "\n" not in text

    def test_no_folder_and_no_image(self, tmp_path: Path) -> None:
        assert "no folder at" in message(ClassFoldersSettings(folder=str(tmp_path / "none")), tmp_path / "s.parquet")
        (tmp_path / "data/train/drugs").mkdir(parents=True)
        settings = ClassFoldersSettings(folder=str(tmp_path / "data"))
        assert "there is no image file" in message(settings, tmp_path / "s.parquet")

    def test_the_first_three_names_that_do_not_fit_are_named(self, tmp_path: Path) -> None:
        files = {**screen(), **{f"train/drugs/cat{i}.png": image(i) for i in range(5)}}
        text = message(put(tmp_path / "data", files), tmp_path / "sites.parquet")
        assert "the names of 5 of 21 images" in text
        assert "train/drugs/cat0.png, train/drugs/cat1.png, train/drugs/cat2.png and 2 more" in text
        assert "cat3" not in text

    def test_a_class_with_one_image(self, tmp_path: Path) -> None:
        files = screen()
        kept = [name for name in files if not name.startswith("test/drugs")]
        one = "test/drugs/M14_CL3_P1_B02_MTX_c=0,5_2019-05-02.png"
        text = message(put(tmp_path / "data", {name: files[name] for name in [*kept, one]}), tmp_path / "s.parquet")
        assert f"{one}: it is the only image of the class test/drugs; a class needs at least two" in text

    def test_one_class_alone_and_none_of_controls(self, tmp_path: Path) -> None:
        controls = {name: pixels for name, pixels in screen().items() if "controls" in name}
        text = message(put(tmp_path / "data", controls), tmp_path / "s.parquet")
        assert "there is one class, controls" in text
        text = message(put(tmp_path / "other", screen()).changed(controls="vehicle"), tmp_path / "s.parquet")
        assert "no class is called vehicle (source.class_folders.controls); there are controls, drugs" in text

    @pytest.mark.parametrize("dose", ["much", "0", "-1", "inf"])
    def test_a_dose_that_is_no_number_above_0(self, tmp_path: Path, dose: str) -> None:
        name = f"train/drugs/M14_CL3_P1_C01_MTX_c={dose}_2019.png"
        text = message(put(tmp_path / "data", {**screen(), name: image(0)}), tmp_path / "s.parquet")
        assert f"{name}: the concentration '{dose}' is not a number above 0 (uM)" in text

    def test_a_well_in_two_classes_and_a_well_that_no_plate_has(self, tmp_path: Path) -> None:
        both = "train/drugs/M14_CL3_P1_A01_MTX_c=10.0_2019-05-02.png"
        text = message(put(tmp_path / "data", {**screen(), both: image(0)}), tmp_path / "s.parquet")
        assert "of well A01 of plate P1" in text
        assert "all sites of a well must agree" in text
        wrong = "train/drugs/M14_CL3_P1_ZZ99_MTX_c=10.0_2019-05-02.png"
        text = message(put(tmp_path / "other", {**screen(), wrong: image(0)}), tmp_path / "s.parquet")
        assert f"{wrong}: the pattern finds a wrong well" in text

    @pytest.mark.parametrize(
        ("pattern", "words"),
        [
            ("(", "is not a regular expression"),
            ("(?P<cell_line>a)(?P<plate>b)", "the pattern lacks the group well"),
            ("(?P<cell_line>a)(?P<plate>b)(?P<well>c)(?P<dose>d)", "names the group dose; it may name cell_line"),
        ],
    )
    def test_a_pattern_that_cannot_be_used(
        self, data: ClassFoldersSettings, tmp_path: Path, pattern: str, words: str
    ) -> None:
        assert words in message(data.changed(pattern=pattern), tmp_path / "s.parquet")


def pack(settings: ClassFoldersSettings, folder: Path, store: str, side: int = 64) -> ImageStore:
    target = Target(folder / f"{store}.zarr", folder / f"{store}.parquet", folder / f"{store}.manifest.json")
    pack_store_of(
        "class_folders",
        store,
        Raw(),
        folder / "sites.parquet",
        target,
        resolutions=[side],
        source={"pixel_size_um": settings.pixel_size_um},
        settings=ImagesSettings(resolutions={Dataset.CLASS_FOLDERS: [side]}),
        code="code",
    )
    return ImageStore(target.store)


class TestImages:
    def test_pixels_of_tiles_are_those_of_the_files(self, data: ClassFoldersSettings, tmp_path: Path) -> None:
        sites = sites_of(data, tmp_path / "sites.parquet")
        store = pack(data, tmp_path, "M14_P1")
        assert store.channels == ["grey"]
        of_store = sites[sites["store_id"] == "M14_P1"].reset_index(drop=True)
        for i, name in enumerate(of_store["file_grey"]):
            np.testing.assert_array_equal(store.sites([i], 64)[0, 0], np.asarray(Image.open(Path(data.folder) / name)))

    def test_grey_jpegs_are_read_and_those_of_colours_refused(self, tmp_path: Path) -> None:
        data = put(tmp_path / "data", screen("jpg"))
        sites = sites_of(data, tmp_path / "sites.parquet")
        store = pack(data, tmp_path, "M14_P1")
        name = sites.loc[sites["store_id"] == "M14_P1", "file_grey"].iloc[0]
        np.testing.assert_array_equal(store.sites([0], 64)[0, 0], np.asarray(Image.open(Path(data.folder) / name)))
        Image.fromarray(np.stack([image(0)] * 3, -1)).save(Path(data.folder) / name)
        with pytest.raises(PlateImagesError, match=r"is a JPEG of colours \(mode RGB\); it must be a grey image"):
            pack(data, tmp_path, "M14_P1")

    def test_images_of_differing_size_are_refused(self, tmp_path: Path) -> None:
        files = screen()
        odd = next(name for name in files if name.startswith("test/drugs/M14"))
        data = put(tmp_path / "data", {**files, odd: image(0, 96)})
        sites_of(data, tmp_path / "sites.parquet")
        with pytest.raises(PlateImagesError, match="96 x 96 px of 8 bit") as raised:
            pack(data, tmp_path, "M14_P1")
        assert odd.rsplit("/", 1)[1] in str(raised.value)

    def test_a_changed_image_changes_the_state_of_its_store_alone(self, data: ClassFoldersSettings) -> None:
        before, names = states_of_class_stores(data), state_of_classes(data)
        assert list(before) == class_stores(data)
        file = next(Path(data.folder).rglob("M14*.png"))
        os.utime(file, ns=(1, 1))
        states_of_class_stores.cache_clear()
        after = states_of_class_stores(data)
        assert after["M14_P1"] != before["M14_P1"]
        assert after["HT29_P2"] == before["HT29_P2"]
        assert state_of_classes(data) == names
        file.rename(file.with_name("M14_CL3_P1_H01_DMSO_1.png"))
        assert state_of_classes(data) != names
