"""A remote archive of 1.6 million members: what a store costs by the server's own counters, and the memory of its directory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gandl.config import ImagesFrom, ImagesSettings
from gandl.source.members import open_members, planned_bytes
from gandl.source.zip.members import GAP_SHARE
from large_zip import INTERLEAVED, WELLS, LargeZip, contents_of, keys_of, occupied, write_large_zip
from local_server import FileServer, serving

pytestmark = pytest.mark.usefixtures("no_proxy")

HOST_PATH = "/RxRx19a/RxRx19a-images.zip"
DIRECTORY_ROOM = 8192
"""Bytes beside the directory itself: its place is looked for in the last 4 KiB of the archive."""
MEMORY = """
import sys
from pathlib import Path
from gandl.config import ImagesSettings
from gandl.source.zip.directory import write_directory
write_directory(sys.argv[1], None, Path(sys.argv[2]), ImagesSettings())
status = Path("/proc/self/status")
if status.is_file():  # of this program alone; getrusage would also know how large its parent was
    print(next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM")))
else:
    import resource
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@dataclass(frozen=True)
class Scene:
    """The archive on a server, its table of members, and what making that took."""

    archive: LargeZip
    server: FileServer
    directory: Path
    sent: int
    kilobytes: int

    def fetch(self, plate: str, settings: ImagesSettings) -> dict[str, bytes]:
        self.server.forget()
        url = self.server.base + HOST_PATH
        with open_members(
            url, mirror=None, images_from=ImagesFrom.ARCHIVE, directory=self.directory, settings=settings
        ) as members:
            return members.fetch(keys_of(plate))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("large")
    archive = write_large_zip(folder / "large.zip")
    with serving(FileServer(files={HOST_PATH: archive.path}, etags={HOST_PATH: '"one"'})) as server:
        directory = folder / "RxRx19a-images.zip.members.parquet"
        program = [sys.executable, "-c", MEMORY, server.base + HOST_PATH, str(directory)]
        done = subprocess.run(program, capture_output=True, text=True, check=True, env=_environment())
        yield Scene(archive, server, directory, server.sent, int(done.stdout))
    archive.path.unlink()


def _environment() -> dict[str, str]:
    return os.environ | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


def test_the_archive_is_zip64_with_more_than_1_6_million_members(scene: Scene) -> None:
    assert scene.archive.members >= 1_600_000
    assert scene.archive.path.stat().st_size > 1 << 32
    assert scene.archive.path.stat().st_blocks * 512 < 400e6


def test_the_directory_is_read_once_and_in_little_memory(scene: Scene) -> None:
    assert scene.sent <= scene.archive.directory_bytes + DIRECTORY_ROOM
    assert scene.kilobytes < 2_000_000


def test_a_store_that_lies_together_costs_its_bytes_and_a_handful_of_requests(scene: Scene) -> None:
    plate = "HRCE-1/Plate25"
    found = scene.fetch(plate, ImagesSettings())
    assert [found[key] for key in keys_of(plate)] == contents_of(plate)
    assert scene.server.sent <= 1.03 * occupied(plate)
    assert len(scene.server.requests) <= 2  # the first requests the archive's version


def test_of_interleaved_stores_every_run_of_neighbours_is_one_request_and_no_other_bytes_move(scene: Scene) -> None:
    plate = INTERLEAVED[1]
    found = scene.fetch(plate, ImagesSettings(gap_kibibytes=0))
    assert found[keys_of(plate)[-1]] == contents_of(plate)[-1]
    assert scene.server.sent == occupied(plate) + 1
    assert len(scene.server.requests) == WELLS + 1


def test_gaps_save_requests_only_as_far_as_their_bytes_stay_below_the_share(scene: Scene) -> None:
    """The trade: each gap here is as large as a run, so fetching all of them (1 request instead of 1,380) would double the bytes.

    `gap_kibibytes` allows them, `GAP_SHARE` (2 %) bounds them: every fiftieth request is saved.
    """
    plate = INTERLEAVED[0]
    scene.fetch(plate, ImagesSettings(gap_kibibytes=4))
    assert scene.server.sent <= 1.03 * occupied(plate)
    saved = int(WELLS * GAP_SHARE)
    assert len(scene.server.requests) == WELLS - saved + 1


def test_the_bytes_are_known_beforehand(scene: Scene) -> None:
    for plate in ("HRCE-2/Plate3", INTERLEAVED[0]):
        assert planned_bytes(scene.directory, prefixes=[f"{plate}/"]) == occupied(plate)
    scene.server.forget()
    assert planned_bytes(scene.directory, keys=keys_of("HRCE-1/Plate9")) == occupied("HRCE-1/Plate9")
    assert scene.server.requests == []
