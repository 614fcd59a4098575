"""A weights file that cannot be used costs its own featurizer and what draws all of them, nothing else."""

from __future__ import annotations

from pathlib import Path

from synthetic_plate import write_mirror
from tiny_project import Project

WEIGHTS = "download.pytorch.org/models/densenet121-a639ec97.pth"
RUN = "results/broken_weights"
OTHERS = ["intensity", "cell_count"]


def with_featurizers(project: Project, featurizers: list[str]) -> None:
    project.configure(
        {
            "run": "broken_weights",
            "embeddings": {"featurizers": featurizers, "imagenet": {"network": "densenet121"}},
            "evaluation": {"questions": ["controls"]},
            "normalization": {"methods": ["unlabelled"]},
        }
    )


def test_a_broken_weights_file_is_one_sentence_and_the_others_go_on(
    empty: Project, repository: Path, tmp_path_factory
) -> None:
    mirror = tmp_path_factory.mktemp("mirror")
    write_mirror(mirror, repository / "resources/bbbc013_platemap.csv")
    broken = mirror / WEIGHTS
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"PK\x03\x04" + bytes(range(256)) * 8)  # as after a copy that was cut
    project = Project(empty.folder, mirror)
    results = project.folder / RUN

    with_featurizers(project, [*OTHERS, "imagenet_concatenated"])
    failed = project.run("table_featurizers")
    reported = failed.stdout + failed.stderr
    assert failed.returncode != 0
    assert "Traceback" not in reported
    log = (results / f"logs/source/pretrained/{Path(WEIGHTS).relative_to('download.pytorch.org')}.log").read_text(
        "utf-8"
    )
    (sentence,) = [line for line in log.splitlines() if "expected" in line]
    assert sentence.startswith(f"{broken} is not the file of https://{WEIGHTS}: expected sha256 a639ec97, got ")
    assert sentence.endswith(
        "; replace it and run again; "
        "if it cannot be had, leave what reads it (imagenet_*, conv_ae) out of embeddings.featurizers"
    )
    assert sentence in reported
    assert not (project.folder / f"results/downloads/{WEIGHTS}").exists()
    made = {
        path: path.stat().st_mtime_ns
        for name in OTHERS
        for path in (
            results / f"embeddings/bbbc013/{name}/BBBC013_1.parquet",
            results / f"evaluation/scores/{name}.unlabelled.parquet",
            results / f"evaluation/controls/{name}.unlabelled.parquet",
        )
    }
    assert not (results / "tables/table_featurizers.csv").exists(), "it would compare all that were asked for"

    with_featurizers(project, [*OTHERS, "imagenet_untrained"])
    planned = project.planned("table_featurizers")
    assert planned["imagenet"] == 1
    assert "pretrained" not in planned, "an untrained network needs no weights"

    with_featurizers(project, OTHERS)
    assert project.planned("table_featurizers") == {"table_featurizers": 1}
    done = project.run("table_featurizers")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert (results / "tables/table_featurizers.csv").stat().st_size > 0
    assert {path: path.stat().st_mtime_ns for path in made} == made
