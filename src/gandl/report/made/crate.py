"""The run as an RO-Crate: takes the provenance, the workflow's files and the results; makes ro-crate-metadata.json.

Profile: Provenance Run Crate 0.5 (Workflow Run RO-Crate; https://w3id.org/ro/wfrun/provenance/0.5), which holds Workflow Run
Crate and Process Run Crate: the workflow and its rules (prospective), its run and every job (retrospective), each job with the
files that it read (`object`) and made (`result`), so that from a number one gets to its job and to what that rests on. The crate
is the folder of the run; it names no path of a machine, no host and no user.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rocrate.model.computationalworkflow import ComputationalWorkflow
from rocrate.model.contextentity import ContextEntity
from rocrate.model.file import File
from rocrate.rocrate import ROCrate

from gandl.report.made.crate_files import CrateFiles, file_entity, file_of_job, kept, place_of, size_of
from gandl.workflow.files import atomic

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/provenance/0.5": ("Provenance Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
TERMS = {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}
"""What the context of RO-Crate 1.1 lacks, as the profile defines it."""
SNAKEMAKE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
LICENSE = "https://spdx.org/licenses/MIT"
DONE = "http://schema.org/CompletedActionStatus"
CONFIGURATION, LOCK = "report/configuration.json", "report/requirements.lock"
"""Where the crate keeps copies of the configuration and of the lock file."""
RESULTS = ("evaluation", "figures", "report")
"""Stages whose files are results of the run; those of the others lie between, and have a size and no checksum."""


def write_crate(files: CrateFiles, output: Path, rules: Mapping[str, str]) -> None:
    """Write the metadata, and copies of the files that lie outside the folder of the run.

    Parameters
    ----------
    output : ro-crate-metadata.json, in the folder of the run.
    rules : what each rule does, in words, by its name.
    """
    provenance = json.loads(files.provenance.read_text(encoding="utf-8"))
    _copy(files, provenance)
    crate = ROCrate(version="1.1")
    crate.metadata.extra_contexts.append(TERMS)
    _describe(crate, provenance)
    workflow = _workflow(crate, files, provenance)
    tools = {name: _rule(crate, workflow, i, name, rules, provenance) for i, name in enumerate(_rules_of(provenance))}
    run = _run(crate, files, provenance, workflow)
    addresses = {entry["file"]: entry["url"] for entry in provenance["inputs"]}
    controls = [_job(crate, files, addresses, job, *tools[_rule_of(job)]) for job in provenance["jobs"]]
    engine = crate.add(
        ContextEntity(
            crate,
            "#snakemake",
            {
                "@type": "SoftwareApplication",
                "name": "Snakemake",
                "softwareVersion": provenance["versions"]["packages"].get("snakemake", "unknown"),
                "url": "https://snakemake.github.io",
            },
        )
    )
    crate.add(
        ContextEntity(
            crate,
            "#orchestration",
            {"@type": "OrganizeAction", "name": f"Snakemake runs {provenance['run']}", **_times(provenance["jobs"])},
        )
    )
    organised = crate.get("#orchestration")
    organised["instrument"], organised["result"], organised["object"] = engine, run, controls
    crate.root_dataset["mentions"] = [run, organised]
    with atomic(Path(output)) as partial:
        partial.write_text(json.dumps(crate.metadata.generate(), indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _copy(files: CrateFiles, provenance: Mapping[str, Any]) -> None:
    """Copies of the workflow, of its configuration and of the lock file, so that the crate holds what it names."""
    settings = json.dumps(provenance["configuration"], indent=1, sort_keys=True) + "\n"
    copies = {files.root / CONFIGURATION: settings.encode(), files.root / LOCK: files.lock.read_bytes()}
    copies |= {files.root / kept(file, files.repository): file.read_bytes() for file in files.workflow}
    for path, content in copies.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as partial:
            partial.write_bytes(content)


def _describe(crate: ROCrate, provenance: Mapping[str, Any]) -> None:
    """Name, date, licence and profiles of the crate."""
    word = "simulated images" if provenance["simulated"] else "real images"
    crate.name = f"gandl, run {provenance['run']}"
    crate.description = (
        f"A run of gandl (GAN-DL, Mascolini et al. 2022, reproduced) on {', '.join(_screens(provenance))}: {word}. The results, "
        "the workflow that made them, and what every job of it did."
    )
    ended = _times(provenance["jobs"]).get("endTime")
    crate.datePublished = datetime.fromisoformat(ended) if ended else datetime.now(UTC)
    crate.license = crate.add(
        ContextEntity(
            crate, LICENSE, {"@type": "CreativeWork", "name": "MIT License", "description": "Licence of the workflow."}
        )
    )
    profiles = [
        crate.add(ContextEntity(crate, url, {"@type": "CreativeWork", "name": name, "version": version}))
        for url, (name, version) in PROFILES.items()
    ]
    crate.root_dataset["conformsTo"] = profiles
    workflow_profile = profiles[-1]
    crate.metadata["conformsTo"] = [{"@id": "https://w3id.org/ro/crate/1.1"}, {"@id": workflow_profile.id}]


def _screens(provenance: Mapping[str, Any]) -> list[str]:
    return [str(name) for name in provenance["configuration"]["source"]["datasets"]]


def _workflow(crate: ROCrate, files: CrateFiles, provenance: Mapping[str, Any]) -> Any:
    """The Snakefile as main entity, with the files that it includes."""
    main, *others = (kept(file, files.repository) for file in files.workflow)
    language = crate.add(
        ContextEntity(
            crate,
            SNAKEMAKE,
            {
                "@type": "ComputerLanguage",
                "name": "Snakemake",
                "alternateName": "Snakemake",
                "identifier": {"@id": "https://doi.org/10.1093/bioinformatics/bts480"},
                "url": {"@id": "https://snakemake.github.io"},
            },
        )
    )
    git = provenance["git"]
    version = f"{git['commit']}{' with changes' if git['dirty'] else ''}" if git else provenance["hashes"]["workflow"]
    workflow = crate.add(
        ComputationalWorkflow(
            crate,
            dest_path=main,
            properties={
                "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
                "name": "gandl: from raw plates to an auditable report",
                "version": version,
                "encodingFormat": "text/plain",
                **size_of(files.root / main),
            },
        )
    )
    workflow["programmingLanguage"] = language
    workflow["license"] = crate.license
    crate.mainEntity = workflow
    for path in others:
        file_entity(crate, files.root, path)
    return workflow


def _rules_of(provenance: Mapping[str, Any]) -> list[str]:
    """Rules that had a job, in the order of the jobs."""
    return list(dict.fromkeys(_rule_of(job) for job in provenance["jobs"]))


def _rule_of(job: Mapping[str, Any]) -> str:
    return str(job["rule"] or job["job"])


def _rule(
    crate: ROCrate, workflow: Any, position: int, name: str, rules: Mapping[str, str], provenance: Mapping[str, Any]
) -> tuple[Any, Any]:
    """A rule as the tool that its jobs run, and as a step of the workflow."""
    code = provenance["code"].get(name)
    hashes = code if isinstance(code, Mapping) else {"": code} if code else {}
    version = ", ".join(f"{screen} {value}".strip() for screen, value in hashes.items())
    about = {"description": rules[name]} if rules.get(name) else {}
    tool = crate.add(
        ContextEntity(
            crate,
            f"#rule-{name}",
            {
                "@type": "SoftwareApplication",
                "name": f"rule {name}",
                **about,
                **({"softwareVersion": f"code {version}"} if version else {}),
            },
        )
    )
    step = crate.add(
        ContextEntity(crate, f"#step-{name}", {"@type": "HowToStep", "name": name, "position": str(position), **about})
    )
    step["workExample"] = tool
    workflow.append_to("hasPart", tool)
    workflow.append_to("step", step)
    return tool, step


def _run(crate: ROCrate, files: CrateFiles, provenance: Mapping[str, Any], workflow: Any) -> Any:
    """The execution of the workflow: what it was given, and what it made."""
    run = crate.add(
        ContextEntity(
            crate,
            "#run",
            {
                "@type": "CreateAction",
                "name": f"Run {provenance['run']}",
                "actionStatus": DONE,
                **_times(provenance["jobs"]),
            },
        )
    )
    run["instrument"] = workflow
    given = [file_entity(crate, files.root, path) for path in (CONFIGURATION, LOCK)]
    given += [_input(crate, files.root, entry, bool(provenance["simulated"])) for entry in provenance["inputs"]]
    run["object"] = given
    of_jobs = [
        files.repository / path for job in provenance["jobs"] if job["stage"] in RESULTS for path in job["makes"]
    ]
    made = filter(None, (place_of(files, path) for path in (*files.results, *of_jobs)))
    run["result"] = [file_entity(crate, files.root, path) for path in dict.fromkeys([*made, "report/provenance.json"])]
    hardware = provenance["hardware"]
    run["description"] = (
        f"{hardware['cpu']}, {hardware['cores']} cores, {hardware['memory_gib']} GiB memory, "
        f"{', '.join(hardware['gpus']) or 'no GPU'}, {hardware['system']}; Python {provenance['versions']['python']}."
    )
    return run


def _input(crate: ROCrate, root: Path, entry: Mapping[str, Any], simulated: bool) -> Any:
    """A downloaded file: at its address, or, where it was drawn by the simulator, in the folder of the run."""
    about = {"name": entry["file"].rsplit("/", 1)[-1], "contentSize": str(entry["bytes"]), "sha256": entry["sha256"]}
    if simulated:
        path = f"downloads/{entry['file']}"
        if (root / path).is_file():
            return crate.add(File(crate, dest_path=path, properties=about | {"description": "Drawn by the simulator."}))
        return crate.add(ContextEntity(crate, f"#{path}", {"@type": "CreativeWork", **about}))
    return crate.add(
        File(
            crate,
            entry["url"],
            fetch_remote=False,
            properties=about
            | {"description": f"{entry['licence']}. {entry['citation'] or ''} {entry['checksum']}".strip()},
        )
    )


def _job(
    crate: ROCrate, files: CrateFiles, addresses: Mapping[str, str], job: Mapping[str, Any], tool: Any, step: Any
) -> Any:
    """A job as the execution of its rule, with its files, and the step that controlled it."""
    name = f"{job['stage']}/{job['job']}"
    memory = "" if job["peak_mib"] is None else f", peak memory {job['peak_mib']:,.0f} MiB"
    action = crate.add(
        ContextEntity(
            crate,
            f"#job-{name}",
            {
                "@type": "CreateAction",
                "name": f"Job {name}",
                "description": f"{job['seconds'] or 0.0:.1f} s{memory}",
                "actionStatus": DONE,
                **_times([job]),
            },
        )
    )
    action["instrument"] = tool
    for name_of, paths in (("object", job["reads"]), ("result", job["makes"])):
        if known := list(filter(None, (file_of_job(crate, files, addresses, path) for path in paths))):
            action[name_of] = known
    control = crate.add(
        ContextEntity(crate, f"#control-{name}", {"@type": "ControlAction", "name": f"Orchestrate {name}"})
    )
    control["instrument"], control["object"] = step, action
    return control


def _times(jobs: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """When the first of these jobs began and the last one ended; nothing where that was not recorded."""
    known = [(datetime.fromisoformat(job["ended"]), float(job["seconds"] or 0)) for job in jobs if job.get("ended")]
    if not known:
        return {}
    began = min(ended - timedelta(seconds=seconds) for ended, seconds in known)
    return {
        "startTime": began.isoformat(timespec="seconds"),
        "endTime": max(e for e, _ in known).isoformat(timespec="seconds"),
    }
