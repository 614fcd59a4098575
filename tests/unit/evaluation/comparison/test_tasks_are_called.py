"""Rules can call the tasks: their files and plain parameters find their places."""

from __future__ import annotations

import pytest

from gandl.config.comparison import ComparisonTasksSettings
from gandl.workflow.calls import CallError, bound

PLACE = "gandl.evaluation.comparison"
SETTINGS = ComparisonTasksSettings.given(ComparisonTasksSettings().model_dump(mode="json"))
CALLS = {
    "tasks.write_tasks": (
        {"codes": "a.parquet", "tiles": "b.parquet"},
        ("similarity", "distances", "drug_control", "grid", "clusters", "partitions", "points"),
        {
            **{"settings": SETTINGS, "seed": 0, "setup": "dino", "training_seed": 0},
            **{"similar": ["A", "B"], "opposite": None, "switches": ["hard_auc"]},
        },
    ),
    "table.write_table": (
        {name: ["a.parquet", "b.parquet"] for name in ("similarity", "drug_control", "clusters")},
        ("output", "ranking", "stability"),
        {"settings": SETTINGS, "setups": ["dino"], "seeds": [0, 1], "seed": 0, "switches": []},
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_rule_finds_every_place_of_a_task(name: str) -> None:
    inputs, outputs, params = CALLS[name]
    bound(f"{PLACE}.{name}", inputs, {each: f"{each}.parquet" for each in outputs}, params)
    with pytest.raises(CallError, match="needs settings"):
        bound(
            f"{PLACE}.{name}",
            inputs,
            {each: f"{each}.parquet" for each in outputs},
            {key: value for key, value in params.items() if key != "settings"},
        )
