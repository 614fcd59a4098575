"""The simulated screens as they are written: the distributed format, readable as the real one, and the same bytes again."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from gandl.config import Dataset, RxRx1Settings, RxRx19aSettings, SimulationSettings
from gandl.source.screens import rxrx1 as rxrx1_reader, rxrx19a as rxrx19a_reader
from gandl.source.screens.published import CHANNELS, member_keys
from gandl.source.simulator import rxrx1, rxrx19a
from gandl.source.simulator.archive import SimulatedWell, draw_well, write_images
from gandl.source.simulator.cells.drawing import CHANNELS as DRAWN_CHANNELS, draw_site
from gandl.source.simulator.plan import files_of_simulation, stores_of_simulation
from gandl.tables import SITES, read_table
from gandl.workflow.files import sha256_of

TINY = SimulationSettings(
    image_px=64, hrce_plates=1, vero_plates=1, compounds=3, sites=1, rxrx1_experiments=2, rxrx1_sirnas=3
)


def drawings_of(settings: SimulationSettings, dataset: Dataset) -> list[SimulatedWell]:
    if dataset is Dataset.RXRX19A:
        screen = rxrx19a.screen_of(settings)
        return list(rxrx19a.drawings(screen, rxrx19a.true_wells(screen)))
    screen = rxrx1.screen_of(settings)
    return list(rxrx1.drawings(screen, rxrx1.true_wells(screen)))


@dataclass(frozen=True)
class Written:
    """A screen on disk."""

    dataset: Dataset
    mirror: Path

    @property
    def truth(self) -> Path:
        return self.mirror / f"{self.dataset}.truth.parquet"

    @property
    def metadata_zip(self) -> Path:
        return self.mirror / files_of_simulation(self.dataset).metadata

    @property
    def images_zip(self) -> Path:
        return self.mirror / files_of_simulation(self.dataset).images

    @cached_property
    def metadata(self) -> pd.DataFrame:
        with ZipFile(self.metadata_zip) as archive, archive.open(archive.namelist()[0]) as file:
            return pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8")


@pytest.fixture(scope="module", params=[Dataset.RXRX19A, Dataset.RXRX1], ids=str)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    screen = Written(request.param, tmp_path_factory.mktemp("mirror"))
    write = rxrx19a.write_rxrx19a if request.param is Dataset.RXRX19A else rxrx1.write_rxrx1
    write(TINY, screen.mirror, screen.truth)
    return screen


class TestFormat:
    def test_metadata_have_the_official_columns_in_their_order_and_a_row_per_site(self, written: Written) -> None:
        official = {
            Dataset.RXRX19A: "site_id,well_id,cell_type,experiment,plate,well,site,disease_condition,"
            "treatment,treatment_conc,SMILES",
            Dataset.RXRX1: "site_id,well_id,cell_type,dataset,experiment,plate,well,site,well_type,sirna,sirna_id",
        }
        members = {Dataset.RXRX19A: "RxRx19a/metadata.csv", Dataset.RXRX1: "rxrx1/metadata.csv"}
        assert ",".join(written.metadata.columns) == official[written.dataset]
        assert ZipFile(written.metadata_zip).namelist() == [members[written.dataset]]
        assert written.metadata["site_id"].is_unique

    def test_the_source_reads_it_as_it_reads_the_real_one(self, written: Written, tmp_path: Path) -> None:
        output = tmp_path / "sites.parquet"
        if written.dataset is Dataset.RXRX19A:
            warnings = rxrx19a_reader.write_sites(written.metadata_zip, RxRx19aSettings(complete=False), output)
        else:
            warnings = rxrx1_reader.write_sites(written.metadata_zip, RxRx1Settings(complete=False), output)
        assert warnings == []
        sites = read_table(output, SITES)
        assert list(dict.fromkeys(sites["store_id"])) == stores_of_simulation(TINY, written.dataset)
        truth = pd.read_parquet(written.truth)
        assert set(truth["well_id"]) == set(sites["well_id"])
        if written.dataset is Dataset.RXRX19A:
            wells = sites.drop_duplicates("well_id").set_index("well_id").loc[truth["well_id"]]
            assert wells["condition"].tolist() == truth["condition"].tolist()
            assert wells["compound"].fillna("").tolist() == truth["compound"].fillna("").tolist()
            assert wells["control"].value_counts().to_dict() == {"none": 160, "negative": 12, "positive": 8}

    def test_every_site_has_an_image_per_channel_at_its_official_name(self, written: Written) -> None:
        expected = [
            key
            for row in written.metadata.itertuples()
            for key in member_keys(written.dataset, row.experiment, int(row.plate), row.well, int(row.site))
        ]
        folder = {Dataset.RXRX19A: "RxRx19a/images/", Dataset.RXRX1: "rxrx1/images/"}[written.dataset]
        with ZipFile(written.images_zip) as archive:
            assert archive.testzip() is None
            assert archive.namelist() == [folder + key for key in expected]

    def test_every_image_is_8_bit_grey_and_of_the_right_size(self, written: Written) -> None:
        side = {Dataset.RXRX19A: 64, Dataset.RXRX1: 32}[written.dataset]
        with ZipFile(written.images_zip) as archive:
            for member in archive.infolist():
                image = Image.open(io.BytesIO(archive.read(member)))
                assert (image.format, image.mode, image.size) == ("PNG", "L", (side, side))

    def test_archives_say_that_they_are_simulated(self, written: Written) -> None:
        for path in (written.metadata_zip, written.images_zip):
            assert b"Simulated" in ZipFile(path).comment

    def test_the_truth_has_a_row_per_well_and_its_columns(self, written: Written) -> None:
        truth = pd.read_parquet(written.truth)
        columns = {
            Dataset.RXRX19A: ["well_id", "cell_type", "condition", "compound", "concentration_um", "severity",
                              "severity_expected", "cell_count", "ec50_um", "hill_slope", "top", "kind"],
            Dataset.RXRX1: ["well_id", "cell_type", "sirna", "strength", "cell_count"],
        }  # fmt: skip
        assert truth.columns.tolist() == columns[written.dataset]
        assert truth["well_id"].tolist() == list(dict.fromkeys(written.metadata["well_id"]))
        assert (truth["cell_count"] >= 0).all()

    def test_wells_without_a_condition_have_an_empty_one(self, written: Written) -> None:
        if written.dataset is Dataset.RXRX1:
            assert set(written.metadata["well_type"]) == {"treatment", "positive_control", "negative_control"}
            assert set(written.metadata.query("experiment == 'RPE-02'")["dataset"]) == {"test"}
            return
        counts = written.metadata["disease_condition"].value_counts().to_dict()
        assert counts == {"Active SARS-CoV-2": 156, "": 8, "Mock": 8, "UV Inactivated SARS-CoV-2": 8}

    def test_compounds_carry_the_word_simulated_and_a_structure_with_a_comma(self, written: Written) -> None:
        if written.dataset is Dataset.RXRX1:
            return
        treated = written.metadata[written.metadata["treatment"] != ""]
        assert treated["treatment"].str.lower().str.contains("simulated").all()
        assert treated["SMILES"].str.contains(",").all()
        assert (written.metadata.loc[written.metadata["treatment"] == "", ["treatment_conc", "SMILES"]] == "").all(
            axis=None
        )


class TestImages:
    @pytest.mark.parametrize("dataset", [Dataset.RXRX19A, Dataset.RXRX1], ids=str)
    def test_channels_are_chosen_by_name(self, dataset: Dataset) -> None:
        well = drawings_of(TINY, dataset)[0]
        drawn = draw_site(well.fields[0], well.side, well.pixel_um, np.random.default_rng(well.seeds[0])).images
        images = draw_well(well).images[: len(CHANNELS[dataset])]
        for name, image in zip(CHANNELS[dataset], images, strict=True):
            np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(image))), drawn[DRAWN_CHANNELS.index(name)])

    def test_the_pixel_of_rxrx1_is_twice_that_of_rxrx19a(self) -> None:
        first, second = (drawings_of(TINY, dataset)[0] for dataset in (Dataset.RXRX19A, Dataset.RXRX1))
        assert (first.pixel_um, second.pixel_um) == (0.65, 1.3)

    def test_severity_and_toxicity_reach_the_field_that_is_drawn(self) -> None:
        settings = TINY.model_copy(update={"compounds": 15})
        wells = rxrx19a.true_wells(rxrx19a.screen_of(settings))
        drawings = drawings_of(settings, Dataset.RXRX19A)
        assert [drawing.fields[0].severity for drawing in drawings] == [well.severity for well in wells]
        toxic = np.array([well.toxicity > 0.5 for well in wells])
        density = np.array([drawing.fields[0].density for drawing in drawings])
        nucleus = np.array([drawing.fields[0].perturbation.nucleus for drawing in drawings])
        assert density[toxic].mean() < 0.75 * density[~toxic].mean()
        assert nucleus[toxic].max() < -0.1

    def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(self, written: Written, tmp_path: Path) -> None:
        write = rxrx19a.write_rxrx19a if written.dataset is Dataset.RXRX19A else rxrx1.write_rxrx1
        again = Written(written.dataset, tmp_path / "again")
        other = Written(written.dataset, tmp_path / "other")
        write(TINY, again.mirror, again.truth)
        write(TINY.model_copy(update={"seed": 1}), other.mirror, other.truth)
        for name in ("metadata_zip", "images_zip", "truth"):
            first, same, different = (sha256_of(getattr(screen, name)) for screen in (written, again, other))
            assert first == same
            assert first != different

    def test_a_program_without_a_guard_may_draw_with_two_processes_and_gets_the_same_bytes(
        self, tmp_path: Path
    ) -> None:
        wells = drawings_of(TINY, Dataset.RXRX1)[:6]
        write_images(wells, tmp_path / "alone.zip", threads=1, title="one process")
        script = tmp_path / "script.py"
        script.write_text(
            "from pathlib import Path\n"
            "from gandl.config import SimulationSettings\n"
            "from gandl.source.simulator.archive import write_images\n"
            "from gandl.source.simulator.rxrx1 import drawings, screen_of, true_wells\n"
            f"screen = screen_of(SimulationSettings.model_validate_json({TINY.model_dump_json()!r}))\n"
            "wells = list(drawings(screen, true_wells(screen)))[:6]\n"
            f"write_images(wells, Path({str(tmp_path / 'together.zip')!r}), threads=2, title='two processes')\n"
        )
        subprocess.run([sys.executable, str(script)], check=True)
        assert (tmp_path / "together.zip").read_bytes() == (tmp_path / "alone.zip").read_bytes()
