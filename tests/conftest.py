"""Fixtures of all tests: where the real data lie, and a small store cut from them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadFileScheduling

REPOSITORY = Path(__file__).resolve().parents[1]
WITH = {
    "tests/workflow/test_counterparts.py": "tests/workflow/test_simulated.py",
    "tests/workflow/test_one_plate.py": "tests/workflow/test_simulated.py",
    "tests/workflow/test_plates_for_viewers.py": "tests/workflow/test_simulated.py",
    "tests/workflow/test_report_in_browser.py": "tests/workflow/test_simulated.py",
    "tests/workflow/test_interop.py": "tests/workflow/test_workflow.py",
}
"""Files whose tests go to the process that has those of another: they read the same run of a workflow, which takes minutes."""
LONGEST = "tests/workflow/"
"""Files that begin first, for a test of them takes minutes: at the end one process would wait for the other."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """Deal tests to processes by file (`--dist loadfile`), some files together, in the order in which they were collected."""
    if config.getvalue("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    from xdist.scheduler import LoadFileScheduling

    assert all((REPOSITORY / file).is_file() for file in (*WITH, *WITH.values()))

    class ByRun(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return WITH.get(file, file)

    return ByRun(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first what takes longest."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data beside the project; tests that need it are skipped where it is absent."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data (../shared/data) are not beside this clone")
    return folder


@pytest.fixture(scope="session")
def bbbc013_zip(shared_data: Path) -> Path:
    return shared_data / "mirror/data.broadinstitute.org/bbbc/BBBC013/BBBC013_v1_images_bmp.zip"


@pytest.fixture(autouse=True)
def _subnormal_numbers_come_back() -> Iterator[None]:
    """Networks flush subnormal numbers to zero for speed, a state of the whole process; the next test starts without it."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture(scope="session")
def toy_pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration of the simulated pair at toy size: 64-px images, 32-px crops, four plates."""
    from benchmarks.simulator.toy_pair import write_toy

    return write_toy(tmp_path_factory.mktemp("toy") / "toy.yaml")
