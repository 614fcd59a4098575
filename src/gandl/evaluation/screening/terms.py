"""Terms that screening shares with the readers of its tables: the threshold, and the table of doses."""

from __future__ import annotations

from gandl.tables import Column, Schema

THRESHOLD = 0.0
"""On score halfway between the controls: above it a well looks more like the positive ones."""

DOSES = Schema(
    "doses",
    (
        Column("featurizer", "string"),
        Column("normalization", "string"),
        Column("scheme", "string"),
        Column("cell_type", "string"),
        Column("compound", "string"),
        Column("concentration_um", "float", nullable=True, positive=True),
        Column("wells", "integer"),
        Column("plates", "integer"),
        Column("efficacy", "float"),
        Column("efficacy_low", "float", nullable=True),
        Column("efficacy_high", "float", nullable=True),
        Column("difference", "float", nullable=True),
        Column("p", "float", nullable=True),
        Column("q", "float", nullable=True),
        Column("toxic", "boolean", nullable=True),
        Column("off_difference", "float", nullable=True),
        Column("off_q", "float", nullable=True),
        Column("nuclei_difference", "float", nullable=True),
        Column("nuclei_q", "float", nullable=True),
        Column("hit", "boolean"),
        Column("median", "float"),
        Column("median_low", "float", nullable=True),
        Column("median_high", "float", nullable=True),
        Column("sign_test_hit", "boolean"),
        Column("average_precision", "float", nullable=True),
        Column("agreement_p", "float", nullable=True),
        Column("agreement_q", "float", nullable=True),
    ),
    key=("featurizer", "normalization", "cell_type", "compound", "concentration_um"),
)
"""`hit`: above the negative controls (`difference` > 0, q at most the false discovery rate) and not found toxic; `toxic` is null
where that could not be tested, as without positive controls on its plates. `sign_test_hit`: by DEEMD's rule the lower end of the
median's interval is above 0. `average_precision`: the mean, of replicates."""
