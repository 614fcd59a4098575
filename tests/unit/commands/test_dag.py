"""`gandl dag`: a picture for every target, under a name of its own."""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import pytest

from gandl.commands import dag

GRAPH = """flowchart TB
\tid0[training]
\tid1[images]
\tid1 --> id0
"""


def test_files_of_two_stages_with_one_name_have_pictures_of_their_own(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for target in (
        "results/simulated/evaluation/a/gandl.parquet",
        "results/simulated/embeddings/a/gandl.parquet",
        "table_1",
    ):
        monkeypatch.setattr("sys.stdin", io.StringIO(GRAPH))
        config = repository / "config/config.yaml"
        dag.run(argparse.Namespace(targets=[target], configfile=config, rules=repository / "rules"))
    drawn = {path.name for path in (tmp_path / "results/simulated/dag").iterdir()}
    assert drawn == {"evaluation_a_gandl.svg", "embeddings_a_gandl.svg", "table_1.svg"}
