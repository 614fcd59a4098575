"""evaluation: profiles become numbers, each with its interval, its unit and its n.

REQUIRED  <results>/normalization/{dataset}/{featurizer}.{method}.{wells,sites}.parquet, splits.parquet; the truth (calibration only)
MAKES     <results>/evaluation/{question}/{featurizer}.{method}.parquet and what its figures draw
"""


rule scores:
    """Score every well on the on- and off-perturbation axes (E2) by models that were not trained on it, scheme by scheme."""
    input:
        wells=profiles_for("controls", "wells"),
        sites=profiles_for("controls", "sites"),
        splits=f"<results>/source/{SCREEN}/splits.parquet",
    output:
        scores="<results>/evaluation/scores/{featurizer}.{method}.parquet",
        site_scores="<results>/evaluation/scores/{featurizer}.{method}.sites.parquet",
        refits="<results>/evaluation/scores/{featurizer}.{method}.refits.parquet",
        permutations="<results>/evaluation/scores/{featurizer}.{method}.permutations.parquet",
    log:
        "<logs>/evaluation/scores_{featurizer}_{method}.log",
    benchmark:
        "<benchmarks>/evaluation/scores_{featurizer}_{method}.jsonl"
    wildcard_constraints:
        method="|".join(STANDARDISED_ONCE),
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem=growing("4GB"),
        runtime=growing("2h"),
    params:
        **calls("gandl.evaluation.scores.write_scores"),
        settings=settings(
            cfg.evaluation, include={"svm_c", "scaling", "refits", "permutations"}
        ),
        seed=cfg.seed,
        reference=cfg.normalization.reference.value,
    script:
        "../workflow/scripts/question.py"


use rule scores as scores_crossfit with:
    """The same of raw profiles, standardised fold by fold on the negative controls that the fold does not test."""
    input:
        wells=profiles_for("controls", "wells", RAW),
        sites=profiles_for("controls", "sites", RAW),
        splits=f"<results>/source/{SCREEN}/splits.parquet",
    wildcard_constraints:
        method=CROSSFIT,


rule controls:
    """How far apart the held-out controls are: Z', robust Z', SSMD, accuracy and AUC, each with its interval."""
    input:
        scores="<results>/evaluation/scores/{featurizer}.{method}.parquet",
        sites="<results>/evaluation/scores/{featurizer}.{method}.sites.parquet",
        refits="<results>/evaluation/scores/{featurizer}.{method}.refits.parquet",
        permutations="<results>/evaluation/scores/{featurizer}.{method}.permutations.parquet",
        raw_wells=profiles_for("controls", "wells", RAW),
    output:
        numbers="<results>/evaluation/controls/{featurizer}.{method}.parquet",
    log:
        "<logs>/evaluation/controls_{featurizer}_{method}.log",
    benchmark:
        "<benchmarks>/evaluation/controls_{featurizer}_{method}.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem=growing("1GB"),
        runtime=growing("30m"),
    params:
        **calls("gandl.evaluation.controls.write_controls"),
        unseen=cfg.source.unseen,
        settings=settings(cfg.evaluation, include={"bootstrap", "confidence"}),
        development_rows=cfg.source.development_rows,
        seed=cfg.seed,
        training_seed=training_seed,
    script:
        "../workflow/scripts/question.py"


rule dose_response:
    """Fit a Hill curve against a constant to each compound's on scores, cell type by cell type; EC50 with its interval."""
    input:
        scores="<results>/evaluation/scores/{featurizer}.{method}.parquet",
        raw_wells=profiles_for("controls", "wells", RAW),
    output:
        numbers="<results>/evaluation/dose_response/{featurizer}.{method}.parquet",
        curves="<results>/evaluation/dose_response/{featurizer}.{method}.curves.parquet",
        points="<results>/evaluation/dose_response/{featurizer}.{method}.points.parquet",
    log:
        "<logs>/evaluation/dose_response_{featurizer}_{method}.log",
    benchmark:
        "<benchmarks>/evaluation/dose_response_{featurizer}_{method}.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem=growing("1GB"),
        runtime=growing("2h"),
    params:
        **calls("gandl.evaluation.dose_response.write_dose_response"),
        settings=settings(cfg.evaluation, include={"bootstrap", "confidence"}),
        seed=cfg.seed,
        training_seed=training_seed,
    script:
        "../workflow/scripts/question.py"


use rule dose_response as treatments with:
    """Compare every treatment and dose with the negative controls of its plates, and call hits; any number of doses."""
    input:
        scores="<results>/evaluation/scores/{featurizer}.{method}.parquet",
    output:
        numbers="<results>/evaluation/treatments/{featurizer}.{method}.parquet",
        treatments="<results>/evaluation/treatments/{featurizer}.{method}.treatments.parquet",
    log:
        "<logs>/evaluation/treatments_{featurizer}_{method}.log",
    benchmark:
        "<benchmarks>/evaluation/treatments_{featurizer}_{method}.jsonl"
    resources:
        mem=growing("1GB"),
        runtime=growing("30m"),
    params:
        **calls("gandl.evaluation.treatments.write_treatments"),
        settings=settings(
            cfg.evaluation, include={"bootstrap", "confidence", "false_discovery"}
        ),


use rule dose_response as screening with:
    """Judge every compound: hits that are not toxic, EC50 and flags, replicates' agreement; false hits among negative controls."""
    input:
        scores="<results>/evaluation/scores/{featurizer}.{method}.parquet",
        wells=profiles_for("controls", "wells", RAW if METHOD == CROSSFIT else None),
        raw_wells=profiles_for("controls", "wells", RAW),
    output:
        numbers="<results>/evaluation/screening/{featurizer}.{method}.parquet",
        plates="<results>/evaluation/screening/{featurizer}.{method}.plates.parquet",
        doses="<results>/evaluation/screening/{featurizer}.{method}.doses.parquet",
        compounds="<results>/evaluation/screening/{featurizer}.{method}.compounds.parquet",
    log:
        "<logs>/evaluation/screening_{featurizer}_{method}.log",
    benchmark:
        "<benchmarks>/evaluation/screening_{featurizer}_{method}.jsonl"
    resources:
        mem=growing("2GB"),
        runtime=growing("2h"),
    params:
        **calls("gandl.evaluation.screening.screen.write_screening"),
        settings=settings(
            cfg.evaluation, include={"bootstrap", "confidence", "false_discovery"}
        ),


use rule dose_response as layout with:
    """Whether profiles carry a well's place, raw and normalised: predicted places beside chance, variance fractions, leaks of the label."""
    input:
        wells=profiles_for("controls", "wells"),
        raw_wells=profiles_for("controls", "wells", RAW),
    output:
        numbers="<results>/evaluation/layout/{featurizer}.{method}.parquet",
    log:
        "<logs>/evaluation/layout_{featurizer}_{method}.log",
    benchmark:
        "<benchmarks>/evaluation/layout_{featurizer}_{method}.jsonl"
    resources:
        mem=growing("4GB"),
        runtime=growing("1h"),
    params:
        **calls("gandl.evaluation.layout.question.write_layout"),


use rule dose_response as cell_model with:
    """HRCE against VERO (C2): accuracy per image and per well on raw profiles, and the held-out scores that are drawn."""
    input:
        wells=profiles_for("cell_model", "wells"),
        sites=profiles_for("cell_model", "sites"),
        splits=f"<results>/source/{SCREEN}/splits.parquet",
    output:
        numbers="<results>/evaluation/cell_model/{featurizer}.{method}.parquet",
        scores="<results>/evaluation/cell_model/{featurizer}.{method}.scores.parquet",
        site_scores="<results>/evaluation/cell_model/{featurizer}.{method}.sites.parquet",
    log:
        "<logs>/evaluation/cell_model_{featurizer}_{method}.log",
    benchmark:
        "<benchmarks>/evaluation/cell_model_{featurizer}_{method}.jsonl"
    resources:
        mem=growing("4GB"),
        runtime=growing("2h"),
    params:
        **calls("gandl.evaluation.cell_model.write_cell_model"),
        settings=settings(
            cfg.evaluation,
            include={"svm_c", "scaling", "refits", "bootstrap", "confidence"},
        ),


use rule cell_model as cell_type with:
    """Which of the four cell types of RxRx1 (zero-shot): accuracy per image and per well on raw profiles, and the confusion matrix."""
    input:
        wells=profiles_for("cell_type", "wells"),
        sites=profiles_for("cell_type", "sites"),
        splits="<results>/source/rxrx1/splits.parquet",
    output:
        numbers="<results>/evaluation/cell_type/{featurizer}.{method}.parquet",
        confusion="<results>/evaluation/cell_type/{featurizer}.{method}.confusion.parquet",
        answers="<results>/evaluation/cell_type/{featurizer}.{method}.answers.parquet",
    log:
        "<logs>/evaluation/cell_type_{featurizer}_{method}.log",
    benchmark:
        "<benchmarks>/evaluation/cell_type_{featurizer}_{method}.jsonl"
    resources:
        mem=growing("8GB"),
        runtime=growing("2h"),
    params:
        **calls("gandl.evaluation.cell_type.write_cell_type"),


use rule dose_response as mechanism with:
    """Mechanism of action by the nearest treatment of another compound (NSC), and in other batches (NSCB); chance beside it."""
    input:
        wells=f"<results>/normalization/{SCREEN}/{{featurizer}}.{{method}}.wells.parquet",
    output:
        numbers="<results>/evaluation/mechanism/{featurizer}.{method}.parquet",
        treatments="<results>/evaluation/mechanism/{featurizer}.{method}.treatments.parquet",
        confusion="<results>/evaluation/mechanism/{featurizer}.{method}.confusion.parquet",
    log:
        "<logs>/evaluation/mechanism_{featurizer}_{method}.log",
    benchmark:
        "<benchmarks>/evaluation/mechanism_{featurizer}_{method}.jsonl"
    resources:
        mem=growing("4GB"),
        runtime=growing("1h"),
    params:
        **calls("gandl.evaluation.mechanism.question.write_mechanism"),
        settings=settings(cfg.evaluation, include=OF_MECHANISM),


use rule dose_response as recognition with:
    """Whether the baseline recognises the siRNAs of held-out sites of RxRx1, with and without the plate's group; controls apart."""
    input:
        recognition=f"{BASELINE_MODEL}/recognition.parquet",
        labels=f"{BASELINE_MODEL}/labels.parquet",
        sites="<results>/source/rxrx1/sites.parquet",
    output:
        numbers=f"<results>/evaluation/recognition/{BASELINE}.parquet",
    log:
        f"<logs>/evaluation/recognition_{BASELINE}.log",
    benchmark:
        f"<benchmarks>/evaluation/recognition_{BASELINE}.jsonl"
    resources:
        mem=growing("1GB"),
        runtime=growing("30m"),
    params:
        **calls("gandl.evaluation.counterparts.recognition.write_recognition"),
        featurizer=BASELINE,
        training_seed=RECIPE.seed,


use rule dose_response as calibration with:
    """Simulated screens only: scores against the true severity, EC50s against the true ones. The one reader of the truth."""
    input:
        scores="<results>/evaluation/scores/{featurizer}.{method}.parquet",
        doses="<results>/evaluation/dose_response/{featurizer}.{method}.parquet",
        screened="<results>/evaluation/screening/{featurizer}.{method}.compounds.parquet",
        truth=f"<results>/source/{SCREEN}/truth.parquet",
    output:
        numbers="<results>/evaluation/calibration/{featurizer}.{method}.parquet",
        wells="<results>/evaluation/calibration/{featurizer}.{method}.wells.parquet",
        compounds="<results>/evaluation/calibration/{featurizer}.{method}.compounds.parquet",
    log:
        "<logs>/evaluation/calibration_{featurizer}_{method}.log",
    benchmark:
        "<benchmarks>/evaluation/calibration_{featurizer}_{method}.jsonl"
    resources:
        mem=growing("1GB"),
        runtime=growing("30m"),
    params:
        **calls("gandl.evaluation.calibration.write_calibration"),


rule score_curves:
    """Check EC50s and hits on simulated scores with a known truth, once and for no featurizer: coverage, false hits, power."""
    output:
        numbers="<results>/evaluation/calibration/score_curves.parquet",
    log:
        "<logs>/evaluation/score_curves.log",
    benchmark:
        "<benchmarks>/evaluation/score_curves.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem=growing("1GB"),
        runtime=growing("30m"),
    params:
        **calls("gandl.evaluation.screening.score_curves.write_score_curves"),
        settings=settings(
            cfg.evaluation,
            include={"bootstrap", "confidence", "false_discovery", "score_curves"},
        ),
        seed=cfg.seed,
    script:
        "../workflow/scripts/question.py"


rule comparisons:
    """Every featurizer against every floor and GAN-DL's layer on the same held-out wells and images: paired differences, Holm's p."""
    input:
        controls=compared("scores", METHOD),
        control_images=compared("scores", METHOD, ".sites"),
        refits=compared("scores", METHOD, ".refits"),
        cell_model=compared("cell_model", RAW, ".scores"),
        cell_model_images=compared("cell_model", RAW, ".sites"),
        cell_type=compared("cell_type", RAW, ".answers"),
    output:
        numbers="<results>/evaluation/comparisons/floors.parquet",
    log:
        "<logs>/evaluation/comparisons.log",
    benchmark:
        "<benchmarks>/evaluation/comparisons.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem=growing("4GB"),
        runtime=growing("2h"),
    params:
        **calls("gandl.evaluation.comparisons.write_comparisons"),
        settings=settings(cfg.evaluation, include={"bootstrap", "confidence"}),
        featurizers=FEATURIZERS,
        normalization=METHOD,
        development_rows=cfg.source.development_rows,
        seed=cfg.seed,
        training_seeds={name: SEEDS[name] for name in FEATURIZERS},
    script:
        "../workflow/scripts/question.py"
