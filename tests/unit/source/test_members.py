"""Images from where they are: the same bytes from a zip on disk, a zip by byte range, single objects and a folder."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from gandl.source.members import MemberError, planned_bytes
from gandl.source.zip import members as zip_members
from gandl.source.zip.members import GAP_SHARE, runs_of
from image_places import BASE, KEYS, STORE, Place
from local_server import FileServer, Request
from small_zip import Entry, image_entries

pytestmark = pytest.mark.usefixtures("no_proxy")


def test_the_same_images_come_from_all_four_places(place: Place) -> None:
    expected = place.contents(STORE)
    for source in (place.local(), place.local(listed=True), place.remote(), place.objects(), place.unpacked()):
        with source:
            assert source.fetch(STORE) == expected
            assert source.missing(STORE) == []


def test_deflated_members_and_those_with_descriptors_and_extra_fields_come_whole(
    server: FileServer, tmp_path: Path
) -> None:
    numbers = random.Random(1)
    entries = [
        replace(
            entry,
            content=entry.content[:100] * 4,
            method=8 * (i % 2),
            descriptor=i % 3 == 0,
            extra=numbers.randbytes(i),
        )
        for i, entry in enumerate(image_entries(KEYS))
    ]
    place = Place(entries, server, tmp_path)
    for source in (place.local(), place.remote()):
        with source:
            assert source.fetch(KEYS) == place.contents(KEYS)


class TestRequests:
    def test_a_store_that_lies_together_is_one_request_for_exactly_its_bytes(self, place: Place) -> None:
        with place.remote() as source:
            source.fetch(STORE)
        first, second = place.server.requests
        assert first.range == "bytes=0-0"
        assert second.range == f"bytes={place.written.offsets[10]}-{place.written.ends[-1] - 1}"

    def test_the_order_of_names_and_repeated_names_change_nothing(self, place: Place) -> None:
        names = STORE[::-1] + STORE[:3]
        with place.remote() as source:
            assert source.fetch(names) == place.contents(STORE)
        assert len(place.server.requests) == 2

    def test_members_far_apart_are_requests_of_their_own(self, place: Place) -> None:
        with place.remote() as source:
            source.fetch(KEYS[::2])
        assert len(place.server.requests) == 1 + 10
        assert place.server.sent == 1 + sum(
            end - start for start, end in zip(place.written.offsets[::2], place.written.ends[::2], strict=True)
        )

    def test_a_small_gap_is_fetched_with_its_neighbours(self, server: FileServer, tmp_path: Path) -> None:
        entries = image_entries(KEYS, size=4_000)
        small = Entry(b"RxRx19a/images/HRCE-1/Plate1/note.txt", b"!")
        place = Place([*entries[:5], small, *entries[5:]], server, tmp_path)
        with place.remote() as source:
            assert source.fetch(KEYS) == place.contents(KEYS)
        assert len(server.requests) == 2
        with place.remote(gap_kibibytes=0) as source:
            source.fetch(KEYS)
        assert len(server.requests) == 3

    def test_large_requests_are_divided_and_made_several_at_a_time(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(zip_members, "SMALLEST_SHARE", 1)
        together = threading.Barrier(4, timeout=20)
        with place.remote(connections=4) as source:
            place.server.when = _wait_for(together)
            assert source.fetch(KEYS) == place.contents(KEYS)
        assert not together.broken
        assert 4 <= place.server.connections <= 5

    def test_a_member_larger_than_a_request_is_one(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(zip_members, "LARGEST_REQUEST", 10)
        with place.remote() as source:
            assert source.fetch(STORE) == place.contents(STORE)
        assert len(place.server.requests) == 1 + len(STORE)

    def test_the_bytes_to_come_are_known_before(self, place: Place) -> None:
        with place.remote() as source:
            reported = source.planned_bytes(STORE)
            place.server.forget()
            source.fetch(STORE)
        assert reported == planned_bytes(place.directory, keys=STORE) == place.server.sent
        assert planned_bytes(place.directory) == place.written.directory

    def test_foreign_bytes_between_members_are_not_read(self, server: FileServer, tmp_path: Path) -> None:
        entries = image_entries(KEYS)
        entries[12] = replace(entries[12], before=bytes(500_000))
        place = Place(entries, server, tmp_path)
        with place.remote() as source:
            assert source.fetch(STORE) == place.contents(STORE)
        assert server.sent < 20_000

    def test_an_extra_field_longer_than_expected_costs_one_more_request(
        self, server: FileServer, tmp_path: Path
    ) -> None:
        entries = image_entries(KEYS)
        entries[12] = replace(entries[12], extra=bytes(30_000))
        place = Place(entries, server, tmp_path)
        with place.remote() as source:
            assert source.fetch(STORE[2:3]) == place.contents(STORE[2:3])
        assert len(server.requests) == 3

    def test_without_a_table_the_directory_is_read_when_it_is_opened(self, place: Place) -> None:
        with place.remote(listed=False) as source:
            assert source.fetch(STORE) == place.contents(STORE)


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 1_000)), min_size=1, max_size=80),
    st.integers(0, 400),
    st.integers(1, 5_000),
)
def test_runs_cover_every_member_once_within_all_limits(spans: list[tuple[int, int]], gap: int, most: int) -> None:
    gaps, lengths = np.array(spans).T
    stops = np.cumsum(gaps + lengths)
    starts = stops - lengths
    runs = runs_of(starts, stops, gap=gap, most=most)
    assert [i for run in runs for i in run] == list(range(len(spans)))
    read = sum(stops[run[-1]] - starts[run[0]] for run in runs)
    assert lengths.sum() <= read <= (1 + GAP_SHARE) * lengths.sum()
    for run in runs:
        assert len(run) == 1 or stops[run[-1]] - starts[run[0]] <= most
        assert all(gaps[i] <= gap for i in run[1:])
    if gap == 0 or gaps.min() > gap:
        apart = 1 + np.count_nonzero(gaps[1:])
        assert len(runs) >= apart


def test_no_members_are_no_runs() -> None:
    assert runs_of(np.array([], np.int64), np.array([], np.int64), gap=0, most=1) == []


class TestIdentity:
    def test_a_signature_is_the_same_wherever_the_archive_lies(self, place: Place) -> None:
        signatures = {source.signature(STORE) for source in (place.local(), place.local(listed=True), place.remote())}
        assert len(signatures) == 1

    def test_a_signature_changes_with_the_content_and_the_set_of_members(
        self, place: Place, server: FileServer, tmp_path: Path
    ) -> None:
        other = Place(image_entries(KEYS, seed=1), server, tmp_path / "other")
        signatures = {
            place.local().signature(STORE),
            place.local().signature(STORE[1:]),
            other.local().signature(STORE),
            place.objects().signature(STORE),
            place.unpacked().signature(STORE),
        }
        assert len(signatures) == 5

    def test_a_changed_file_of_a_folder_changes_its_signature(self, place: Place) -> None:
        source = place.unpacked()
        before = source.signature(STORE)
        (place.folder / "unpacked" / BASE / "images" / STORE[0]).write_bytes(b"another image")
        assert source.signature(STORE) != before


class TestOthers:
    def test_images_in_the_same_folders_that_were_not_requested_are_named_wherever_they_can_be_listed(
        self, place: Place
    ) -> None:
        for source in (place.local(), place.local(listed=True), place.remote(), place.unpacked()):
            with source:
                assert source.others(STORE) == []
                assert source.others([*STORE[:3], *STORE[4:9]]) == [STORE[3], STORE[9]]
        with place.objects() as source:
            assert source.others(STORE[1:]) == []


class TestAbsent:
    def test_five_files_of_six_name_the_sixth(self, server: FileServer, tmp_path: Path) -> None:
        place = Place(image_entries(STORE[:4] + STORE[5:]), server, tmp_path)
        for source in (place.local(), place.remote(), place.unpacked()):
            assert source.missing(STORE) == [STORE[4]]
            for ask in (source.fetch, source.signature):
                with pytest.raises(MemberError, match=rf"lacks 1 of 10 files:\n  {STORE[4]}$"):
                    ask(STORE)

    def test_objects_are_found_missing_when_they_are_asked_for_all_at_once(
        self, server: FileServer, tmp_path: Path
    ) -> None:
        place = Place(image_entries(STORE[:3] + STORE[5:]), server, tmp_path)
        with place.objects() as source:
            assert source.missing(STORE) == []
            with pytest.raises(MemberError) as caught:
                source.fetch(STORE)
        assert f"{BASE}/images does not provide 2 of 10 files" in str(caught.value)
        for key in STORE[3:5]:
            assert f"{key}: the server answered 404" in str(caught.value)

    def test_of_very_many_missing_files_the_first_are_named(self, place: Place) -> None:
        names = [f"HRCE-9/Plate1/AA02_s1_w{i}.png" for i in range(100)]
        with place.local() as source, pytest.raises(MemberError, match=r"lacks 100 of 100(.|\n)*\.\.\. and 80 more"):
            source.fetch(names)

    @pytest.mark.parametrize("images", [f"{BASE}/images", f"{BASE}/RxRx19a/images", "RxRx19a/images"])
    def test_an_unpacked_archive_is_found_where_unpacking_puts_it(self, place: Place, images: str) -> None:
        with place.unpacked(images) as source:
            assert source.fetch(STORE) == place.contents(STORE)

    def test_a_mirror_without_images_is_reported_with_the_folders_looked_for(self, place: Place) -> None:
        with pytest.raises(MemberError, match=f"looked for the folders .*{BASE}/images"):
            place.unpacked("elsewhere")

    @pytest.mark.parametrize("key", ["../secret.png", "/etc/passwd", "HRCE-1/../../x.png", ""])
    def test_names_that_lead_out_of_the_folder_are_refused(self, place: Place, key: str) -> None:
        for source in (place.unpacked(), place.objects()):
            with pytest.raises(MemberError, match="leads out of the images' folder"):
                source.fetch([key])
        assert place.server.requests == []


def _wait_for(together: threading.Barrier) -> Callable[[Request], None]:
    def when(request: Request) -> None:
        if request.range != "bytes=0-0":
            together.wait()

    return when
