"""Rules can call the tasks: their files and plain parameters find their places."""

from __future__ import annotations

import pytest

from gandl.config.comparison import ComparisonTasksSettings
from gandl.workflow.calls import CallError, bound

PLACE = "gandl.evaluation.comparison"
CODES = {"codes": "a.parquet", "tiles": "b.parquet"}
SETTINGS = ComparisonTasksSettings.given(ComparisonTasksSettings().model_dump(mode="json"))
OF_CODES = {"settings": SETTINGS, "seed": 0, "setup": "dino", "training_seed": 0}
CALLS = {
    "similarity.write_similarity": (
        CODES,
        ("output", "distances"),
        {**OF_CODES, "similar": ["A", "B"], "opposite": None},
    ),
    "drug_control.write_drug_control": (CODES, ("output", "grid"), {**OF_CODES, "switches": ["hard_auc"]}),
    "clusters.write_clusters": (CODES, ("output", "partitions", "points"), OF_CODES),
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
