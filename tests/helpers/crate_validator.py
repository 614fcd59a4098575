"""What the validator of RO-Crates says of a crate, in an environment of its own, offline: `python crate_validator.py FOLDER`.

Prints a line per issue of the profile Provenance Run Crate 0.5, and of those that it rests on, at the level REQUIRED. The context
of RO-Crate, which the validator would download, comes from the package `rocrate`: a newer one, set back where 1.1 differs.
"""

from __future__ import annotations

import json
import sys
from importlib.resources import files
from types import SimpleNamespace
from typing import Any

from rocrate_validator import services
from rocrate_validator.models import Severity
from rocrate_validator.utils.http import HttpRequester

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
PROFILES = ("workflow-ro-crate-1.0", "process-run-crate-0.5", "workflow-run-crate-0.5", "provenance-run-crate-0.5")


def from_package(url: str, **_options: Any) -> Any:
    """The response to a request: the context, and nothing else."""
    if url != CONTEXT:
        return SimpleNamespace(status_code=404, headers={}, text="", json=dict)
    context = json.loads(files("rocrate").joinpath("data/ro-crate.jsonld").read_text(encoding="utf-8"))
    for name in ("ComputationalWorkflow", "FormalParameter"):
        context["@context"][name] = f"https://bioschemas.org/{name}"
    del context["@context"]["sha256"]
    text = json.dumps(context)
    headers = {"Content-Type": "application/ld+json"}
    return SimpleNamespace(status_code=200, headers=headers, text=text, json=lambda: json.loads(text))


def issues(folder: str) -> list[str]:
    """A line per issue, with the profile that finds it."""
    found = []
    for profile in PROFILES:
        settings = services.ValidationSettings(
            rocrate_uri=folder, profile_identifier=profile, requirement_severity=Severity.REQUIRED, no_cache=True
        )
        HttpRequester().get = from_package
        result = services.validate(settings)
        found += [f"{profile}: {issue.check.identifier}: {issue.message}" for issue in result.get_issues()]
    return found


if __name__ == "__main__":
    print("\n".join(issues(sys.argv[1])))
