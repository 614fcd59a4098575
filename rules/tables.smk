"""tables: what an evaluation wrote is set as tables; each is a rule of its own name, a page for people and a CSV of its data.

REQUIRED  <results>/evaluation/**
MAKES     <results>/tables/table_*, preprint_table_1, compounds: .html, .csv; compounds.parquet
"""


use rule figure_samples as table_featurizers with:
    """Every featurizer by every metric under every normalisation, floors included."""
    input:
        where_drawn("table_featurizers"),
        numbers=by_featurizer("controls", method=OWN_FIRST),
        comparisons=COMPARISONS,
        folds=folds_of("controls"),
        reference=REFERENCE,
    output:
        **table_files(
            "table_featurizers",
            "table_featurizers.rst",
            "Featurizers by metric",
        ),
    log:
        "<logs>/figures/table_featurizers.log",
    benchmark:
        "<benchmarks>/figures/table_featurizers.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.tables.table_featurizers.write_table_featurizers"),
        caption=caption("bootstrap", "confidence"),
        methods=OWN_FIRST,
        confidence=cfg.evaluation.confidence,
        dataset=SCREEN,


use rule figure_samples as table_treatments with:
    """Every treatment and dose: score with interval, difference from the negative controls, whether it differs; and all wells as CSV."""
    input:
        where_drawn("table_treatments"),
        treatments=by_featurizer("treatments", ".treatments"),
        scores=f"<results>/evaluation/scores/{DRAWN}.{METHOD}.parquet",
    output:
        **table_files(
            "table_treatments",
            "table_treatments.rst",
            "Treatments that differ",
        ),
        wells="<results>/tables/table_treatments_wells.csv",
    log:
        "<logs>/figures/table_treatments.log",
    benchmark:
        "<benchmarks>/figures/table_treatments.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.tables.table_treatments.write_table_treatments"),
        caption=caption("bootstrap", "confidence", "false_discovery", "hits_note"),
        each=FEATURIZERS,
        featurizer=DRAWN,
        confidence=cfg.evaluation.confidence,
        false_discovery=cfg.evaluation.false_discovery,
        warning=hits_note(METHOD, cfg.normalization.reference.value),


use rule figure_samples as table_mechanism with:
    """Mechanism of action by every featurizer under every normalisation, NSC and NSCB; the published values in a column of their own."""
    input:
        where_drawn("table_mechanism"),
        numbers=by_featurizer("mechanism", "", OWN_FIRST, EXPORTED),
        reference=REFERENCE,
    output:
        **table_files("table_mechanism", "table_mechanism.rst", "Mechanisms by featurizer"),
    log:
        "<logs>/figures/table_mechanism.log",
    benchmark:
        "<benchmarks>/figures/table_mechanism.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.tables.table_mechanism.write_table_mechanism"),
        caption=caption("bootstrap", "confidence"),
        methods=OWN_FIRST,
        featurizers=EXPORTED,
        confidence=cfg.evaluation.confidence,


use rule figure_samples as table_1 with:
    """Accuracy on the paper's downstream tasks, by image and by well, beside the paper's."""
    input:
        where_drawn("table_1"),
        numbers=[
            *answers("controls", METHOD),
            *answers("cell_model", RAW),
            *answers("cell_type", RAW),
        ],
        comparisons=COMPARISONS,
        folds=folds_of("controls", "cell_model", "cell_type"),
        reference=REFERENCE,
    output:
        **table_files("table_1", "table_1.rst", "Table 1: accuracy on the tasks"),
    log:
        "<logs>/figures/table_1.log",
    benchmark:
        "<benchmarks>/figures/table_1.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.tables.table_1.write_table_1"),
        caption=caption("bootstrap", "confidence"),
        featurizers=FEATURIZERS,
        normalization=METHOD,
        confidence=cfg.evaluation.confidence,
        zero_shot=CAPTION["zero_shot"],


use rule figure_samples as preprint_table_1 with:
    """Accuracy on the preprint's four tasks beside its Table 1, in its layout."""
    input:
        where_drawn("preprint_table_1"),
        numbers=[*answers("controls", METHOD), *answers("cell_model", RAW)],
        reference=REFERENCE,
    output:
        **table_files(
            "preprint_table_1",
            "preprint_table_1.rst",
            "Preprint, Table 1: accuracy on the tasks",
        ),
    log:
        "<logs>/figures/preprint_table_1.log",
    benchmark:
        "<benchmarks>/figures/preprint_table_1.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.tables.preprint_table_1.write_preprint_table_1"),
        caption=caption("bootstrap", "confidence"),
        featurizers=FEATURIZERS,
        drawn=OF_PAPER,
        normalization=METHOD,
        confidence=cfg.evaluation.confidence,


use rule figure_samples as table_s_strict with:
    """Wells of left-out plates, experiments and cell types: every featurizer, floors marked, and paired differences from them."""
    input:
        where_drawn("table_s_strict"),
        numbers=[
            *answers("controls", METHOD),
            *answers("cell_model", RAW),
            *answers("cell_type", RAW),
        ],
        comparisons=COMPARISONS,
        templates=templates("strict.html.jinja"),
    output:
        **table_files(
            "table_s_strict",
            "table_s_strict.rst",
            "Strict protocol, floors, differences",
        ),
    log:
        "<logs>/figures/table_s_strict.log",
    benchmark:
        "<benchmarks>/figures/table_s_strict.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.tables.table_s_strict.write_table_s_strict"),
        caption=caption("bootstrap", "confidence"),
        featurizers=FEATURIZERS,
        normalization=METHOD,
        confidence=cfg.evaluation.confidence,


use rule figure_samples as compounds with:
    """Every compound in every cell type: efficacy by dose, fit, EC50 with interval, flags, hit; a page to search, CSV, parquet."""
    input:
        where_drawn("compounds"),
        compounds=by_featurizer("screening", ".compounds"),
        doses=by_featurizer("screening", ".doses"),
        templates=templates("compounds.html.jinja", "compounds.js.jinja"),
    output:
        **table_files("compounds", "compounds.rst", "All compounds"),
        parquet="<results>/tables/compounds.parquet",
    log:
        "<logs>/figures/compounds.log",
    benchmark:
        "<benchmarks>/figures/compounds.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.tables.compounds.write_compounds"),
        caption=caption("confidence", "false_discovery", "hits_note"),
        each=FEATURIZERS,
        featurizer=DRAWN,
        confidence=cfg.evaluation.confidence,
        false_discovery=cfg.evaluation.false_discovery,
