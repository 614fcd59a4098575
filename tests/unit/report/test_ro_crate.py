"""The run as an RO-Crate: what Provenance Run Crate 0.5 and the profiles that it rests on require, and no path of the machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gandl.report.made.crate import PROFILES, CrateFiles, write_crate
from report_inputs import LOCATION, write_benchmark, write_run

OUTPUTS = {
    "training": ["run/models/gandl/weights.safetensors"],
    "controls": ["run/evaluation/controls/{featurizer}.parquet", "run/evaluation/controls/{lost}.parquet"],
    "figure_3": ["run/figures/figure_3.svg", "run/figures/figure_3.png"],
    "explorer": ["run/report/explorer.html"],
}
Graph = dict[str, dict[str, Any]]


def made(folder: Path, repository: Path, **changes: Any) -> Graph:
    """The entities of a crate of a small run, by their id."""
    root = folder / "run"
    (root / "figures").mkdir(parents=True)
    (root / "figures/figure_3.svg").write_text("<svg/>")
    benchmarks = folder / "benchmarks"
    archive = f"results/downloads/{LOCATION}"
    for path in ("models/gandl/weights.safetensors", "evaluation/controls/gandl.parquet", "report/explorer.html"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    for name, rule, reads, wildcards in (
        ("models/gandl_seed_7", "training", [archive], {}),
        ("evaluation/controls_gandl", "controls", ["run/models/gandl/weights.safetensors"], {"featurizer": "gandl"}),
        ("figures/figure_3", "figure_3", ["run/evaluation/controls/gandl.parquet", "elsewhere.csv"], {}),
        ("report/explorer", "explorer", [], {}),
    ):
        values = {"s": 610.2, "max_rss": "NA", "cpu_time": 1.0, "rule_name": rule, "wildcards": wildcards}
        write_benchmark(benchmarks / f"{name}.jsonl", **values, input_size_mb=dict.fromkeys(reads, 1.0))
    provenance = root / "report/provenance.json"
    write_run(provenance, folder, repository, outputs=OUTPUTS)
    provenance.write_text(json.dumps(json.loads(provenance.read_text()) | changes))
    files = CrateFiles(
        root=root,
        provenance=provenance,
        workflow=[repository / "Snakefile", repository / "rules/report.smk", repository / "workflow/scripts/audit.py"],
        lock=repository / "requirements.lock",
        results=[root / "figures/figure_3.svg"],
        repository=folder,
    )
    write_crate(files, root / "ro-crate-metadata.json", {"training": "Train GAN-DL."})
    content = json.loads((root / "ro-crate-metadata.json").read_text())
    return {entity["@id"]: entity for entity in content["@graph"]}


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Graph:
    return made(tmp_path_factory.mktemp("crate"), repository)


def ids(value: Any) -> list[str]:
    """The ids that a property refers to."""
    return [one["@id"] for one in (value if isinstance(value, list) else [value])]


def of_type(graph: Graph, name: str) -> list[dict[str, Any]]:
    kinds = ((entity, entity["@type"]) for entity in graph.values())
    return [entity for entity, kind in kinds if name in (kind if isinstance(kind, list) else [kind])]


def test_the_root_names_its_profiles_licence_date_and_main_workflow(graph: Graph) -> None:
    root, about = graph["./"], graph["ro-crate-metadata.json"]
    assert set(ids(root["conformsTo"])) == set(PROFILES)
    assert set(ids(about["conformsTo"])) >= {
        "https://w3id.org/ro/crate/1.1",
        "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
    }
    assert all(root.get(name) for name in ("name", "description", "datePublished", "license", "mainEntity"))
    for url in PROFILES:
        assert graph[url]["@type"] == "CreativeWork"


def test_the_main_workflow_is_a_file_and_a_how_to_that_refers_to_its_tools_and_steps(graph: Graph) -> None:
    workflow = graph[graph["./"]["mainEntity"]["@id"]]
    assert {"File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"} <= set(workflow["@type"])
    assert graph[workflow["programmingLanguage"]["@id"]]["@type"] == "ComputerLanguage"
    assert {"#rule-training", "#rule-figure_3"} <= set(ids(workflow["hasPart"]))
    assert set(ids(workflow["step"])) == {entity["@id"] for entity in of_type(graph, "HowToStep")}
    for step in of_type(graph, "HowToStep"):
        assert graph[step["workExample"]["@id"]]["@type"] == "SoftwareApplication"


def test_the_run_and_every_job_are_create_actions_with_their_instrument(graph: Graph) -> None:
    runs = [a for a in of_type(graph, "CreateAction") if a["instrument"]["@id"] == graph["./"]["mainEntity"]["@id"]]
    (run,) = runs
    assert run["@id"] in ids(graph["./"]["mentions"])
    assert "figures/figure_3.svg" in ids(run["result"])
    assert {"report/configuration.json", "report/requirements.lock"} <= set(ids(run["object"]))
    jobs = [action for action in of_type(graph, "CreateAction") if action is not run]
    assert {job["name"] for job in jobs} >= {"Job models/gandl_seed_7", "Job figures/figure_3"}
    assert {"evaluation/controls/gandl.parquet", "report/explorer.html"} <= set(ids(run["result"]))
    for action in (run, *jobs):
        assert graph[action["instrument"]["@id"]]
        assert action["endTime"] >= action["startTime"]


def test_from_a_number_one_gets_to_its_job_and_through_what_that_read_to_the_download(graph: Graph) -> None:
    def maker_of(file: str) -> dict[str, Any]:
        jobs = [entity for name, entity in graph.items() if name.startswith("#job-") and "result" in entity]
        (job,) = [job for job in jobs if file in ids(job["result"])]
        return job

    job = maker_of("evaluation/controls/gandl.parquet")
    assert (job["name"], job["instrument"]["@id"]) == ("Job evaluation/controls_gandl", "#rule-controls")
    assert ids(job["result"]) == ["evaluation/controls/gandl.parquet"], (
        "of two files that it may make, the one that is there"
    )
    (weights,) = ids(job["object"])
    (archive,) = ids(maker_of(weights)["object"])
    assert graph[archive]["sha256"]
    assert archive.startswith("http")
    assert archive.endswith(LOCATION)
    assert ids(graph["#job-figures/figure_3"]["object"]) == ["evaluation/controls/gandl.parquet"], (
        "what it has not is left out"
    )
    assert "sha256" not in graph[weights], "what lies between has its size"


def test_each_step_execution_names_its_step_and_its_job_and_the_engine_names_all(graph: Graph) -> None:
    controls = of_type(graph, "ControlAction")
    jobs = [action for action in of_type(graph, "CreateAction") if action["@id"] != "#run"]
    assert sorted(ids([control["object"] for control in controls])) == sorted(job["@id"] for job in jobs)
    for control in controls:
        step, job = graph[control["instrument"]["@id"]], graph[control["object"]["@id"]]
        assert step["@type"] == "HowToStep"
        assert step["workExample"] == job["instrument"]
    (organised,) = of_type(graph, "OrganizeAction")
    assert organised["result"]["@id"] == "#run"
    assert set(ids(organised["object"])) == {control["@id"] for control in controls}
    assert graph[organised["instrument"]["@id"]]["name"] == "Snakemake"


def test_every_file_is_there_with_its_checksum_and_all_references_lead_somewhere(
    graph: Graph, tmp_path: Path, repository: Path
) -> None:
    fresh = made(tmp_path, repository)
    parts = set(ids(fresh["./"]["hasPart"]))
    for entity in of_type(fresh, "File"):
        assert entity["@id"] in parts
        assert int(entity["contentSize"]) >= 0
        assert len(entity.get("sha256", "")) == (0 if entity["@id"].startswith("models/") else 64)
        if not entity["@id"].startswith("http"):
            assert (tmp_path / "run" / entity["@id"]).is_file(), entity["@id"]
    for entity in fresh.values():
        for name, value in entity.items():
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, dict) and "@id" in one and not one["@id"].startswith("http"):
                    assert one["@id"] in fresh, (entity["@id"], name)


def test_the_crate_holds_the_hashes_of_the_code_and_the_purpose_of_rules(graph: Graph) -> None:
    assert graph["#rule-training"]["softwareVersion"] == "code 0123456789abcdef"
    assert graph["#rule-training"]["description"] == "Train GAN-DL."


def test_simulated_images_are_said_to_be_simulated_and_no_address_stands_for_what_was_not_downloaded(
    tmp_path: Path, repository: Path
) -> None:
    simulated = made(tmp_path / "a", repository, simulated=True)
    assert "simulated images" in simulated["./"]["description"]
    assert not [entity for entity in of_type(simulated, "File") if entity["@id"].startswith("http")]
    real = made(tmp_path / "b", repository)
    assert [entity["@id"] for entity in of_type(real, "File") if entity["@id"].startswith("http")]
    assert "simulated" not in json.dumps(real).lower().replace("simulate_", "")


def test_the_crate_names_no_path_of_the_machine_and_is_the_same_each_time(tmp_path: Path, repository: Path) -> None:
    text = json.dumps(made(tmp_path / "a", repository))
    assert str(tmp_path) not in text
    assert str(repository) not in text
