"""Where a download came from: what is known at the moment it arrives."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from gandl.source.remote.origin import write_origin


@pytest.mark.parametrize(
    ("mirror", "kind"),
    [
        (None, "official host"),
        ("", "official host"),
        ("../somewhere", "mirror folder"),
        ("https://example.org/data", "mirror server"),
    ],
)
def test_the_origin_reports_kind_size_and_checksum_but_no_path(tmp_path: Path, mirror: str | None, kind: str) -> None:
    archive = tmp_path / "a.zip"
    archive.write_bytes(b"bytes")
    write_origin(archive, mirror, tmp_path / "a.zip.origin.json")
    text = (tmp_path / "a.zip.origin.json").read_text(encoding="utf-8")
    reported = json.loads(text)
    assert reported["kind"] == kind
    assert reported["bytes"] == 5
    assert reported["sha256"] == hashlib.sha256(b"bytes").hexdigest()
    assert str(tmp_path) not in text
    assert "somewhere" not in text
