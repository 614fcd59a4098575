"""comparison: sixteen ways to learn a representation of tiles, and what stands beside them, on one footing (Dmitrenko et al. 2022).

REQUIRED  the image stores and the sites table of the first screen; the section `comparison` of the configuration
MAKES     <results>/images/comparison/{dataset}.tiles.parquet,
          <results>/models/comparison/{setup}/seed_{seed}/ (as every training),
          <results>/embeddings/comparison/{setup}.seed_{seed}.parquet,
          <results>/evaluation/comparison/{task}/{setup}.seed_{seed}.parquet and what its figures draw,
          <results>/evaluation/comparison/{setup}.parquet (one setup: a target of its own), table.parquet, ranking.parquet, stability.parquet
"""


rule comparison_tiles:
    """Cut the images of the first screen into tiles of one channel (a table of places), and hold wells out."""
    input:
        manifests=manifests_of(SCREEN),
        sites=f"<results>/source/{SCREEN}/sites.parquet",
    output:
        output=TILES,
    log:
        "<logs>/images/comparison_tiles.log",
    benchmark:
        "<benchmarks>/images/comparison_tiles.jsonl"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem=growing("4GB"),
        runtime=growing("1h"),
    params:
        **calls("gandl.images.tiles.table.write_tiles"),
        settings=of_comparison("tiles"),
        resolution=cfg.embeddings.resolutions[cfg.source.screen],
        by_tile=switched("tile_split"),
    script:
        "../workflow/scripts/comparison.py"


rule comparison_training:
    """Train one setup of the comparison with one seed on the tiles of training wells; resumes as training does."""
    input:
        tiles=TILES,
        manifests=manifests_of(SCREEN),
    output:
        weights=f"{SETUP}/weights.safetensors",
        last=f"{SETUP}/last.safetensors",
        best=f"{SETUP}/best.safetensors",
        curve=f"{SETUP}/curve.parquet",
        samples=f"{SETUP}/samples.png",
        arrays=f"{SETUP}/samples.npz",
        animation=f"{SETUP}/samples.gif",
        interpolation=f"{SETUP}/interpolation.png",
    log:
        f"<logs>/models/comparison/{OF_SETUP}.log",
    benchmark:
        f"<benchmarks>/models/comparison/{OF_SETUP}.jsonl"
    wildcard_constraints:
        setup="|".join(map(re.escape, SETUPS_TRAINED)) or "none",
    conda:
        "../envs/gpu.yaml"
    threads: cfg.compute.threads if cfg.compute.gpus else 1  # its networks are small: trainings side by side are faster
    resources:
        gpu=min(1, cfg.compute.gpus),
        mem=growing(cfg.compute.training_memory),
        runtime=cfg.compute.training_runtime,  # at every attempt: it resumes
    params:
        objective=objective_of_setup,
        settings=recipe_of_setup,
        code=code_of_setup,
    script:
        "../workflow/scripts/comparison_training.py"


rule comparison_codes:
    """The codes of all labelled tiles under one setup and seed: the encoder's linear output, or what a floor measures."""
    input:
        tiles=TILES,
        manifests=manifests_of(SCREEN),
        weights=weights_of_setup,
    output:
        output=f"<results>/embeddings/comparison/{OF_SETUP}.parquet",
    log:
        f"<logs>/embeddings/comparison_{OF_SETUP}.log",
    benchmark:
        f"<benchmarks>/embeddings/comparison_{OF_SETUP}.jsonl"
    conda:
        "../envs/gpu.yaml"
    threads: cfg.compute.threads if cfg.compute.gpus else 1
    resources:
        gpu=min(1, cfg.compute.gpus),
        mem=growing(cfg.compute.store_memory),
        runtime=growing(cfg.compute.store_runtime),
    params:
        settings=settings_of_codes,
        side=TILE_SIDE,
        resolution=cfg.embeddings.resolutions[cfg.source.screen],
        code=code_version("gandl.embeddings.comparison.codes"),
    script:
        "../workflow/scripts/comparison_codes.py"


rule comparison_clusters:
    """Clusters within each cell line: UMAP and HDBSCAN over a grid, and the partition that the paper's rule chooses."""
    input:
        codes=f"<results>/embeddings/comparison/{OF_SETUP}.parquet",
        tiles=TILES,
    output:
        output=f"<results>/evaluation/comparison/clusters/{OF_SETUP}.parquet",
        partitions=f"<results>/evaluation/comparison/clusters/{OF_SETUP}.partitions.parquet",
        points=f"<results>/evaluation/comparison/clusters/{OF_SETUP}.points.parquet",
    log:
        f"<logs>/evaluation/comparison_clusters_{OF_SETUP}.log",
    benchmark:
        f"<benchmarks>/evaluation/comparison_clusters_{OF_SETUP}.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem=growing("3GB"),
        runtime=growing("2h"),
    params:
        **calls("gandl.evaluation.comparison.clusters.write_clusters"),
        settings=of_tasks("clustering", "bootstrap", "confidence"),
        seed=cfg.seed,
    script:
        "../workflow/scripts/comparison.py"


use rule comparison_clusters as comparison_similarity with:
    """Distances between two similar drugs, two opposite ones, and vehicle, by cell line: D, d and a scale-free variant."""
    output:
        output=f"<results>/evaluation/comparison/similarity/{OF_SETUP}.parquet",
        distances=f"<results>/evaluation/comparison/similarity/{OF_SETUP}.distances.parquet",
    log:
        f"<logs>/evaluation/comparison_similarity_{OF_SETUP}.log",
    benchmark:
        f"<benchmarks>/evaluation/comparison_similarity_{OF_SETUP}.jsonl"
    params:
        **calls("gandl.evaluation.comparison.similarity.write_similarity"),
        settings=of_tasks("similarity", "bootstrap", "confidence"),
        similar=PAIRS["similar"],
        opposite=PAIRS["opposite"],


use rule comparison_clusters as comparison_drug_control with:
    """Drugs against vehicle by cell line, on frozen codes: the paper's head and a linear SVM, chosen on validation wells."""
    output:
        output=f"<results>/evaluation/comparison/drug_control/{OF_SETUP}.parquet",
        grid=f"<results>/evaluation/comparison/drug_control/{OF_SETUP}.grid.parquet",
    log:
        f"<logs>/evaluation/comparison_drug_control_{OF_SETUP}.log",
    benchmark:
        f"<benchmarks>/evaluation/comparison_drug_control_{OF_SETUP}.jsonl"
    params:
        **calls("gandl.evaluation.comparison.drug_control.write_drug_control"),
        settings=of_tasks("head", "svm_c", "bootstrap", "confidence"),
        switches=SWITCHES,


rule comparison_setup:
    """Every number of one setup, of all tasks and seeds: the target of one who wants that setup alone."""
    input:
        numbers=tasks_of_setup,
    output:
        output="<results>/evaluation/comparison/{setup}.parquet",
    log:
        "<logs>/evaluation/comparison_setup_{setup}.log",
    benchmark:
        "<benchmarks>/evaluation/comparison_setup_{setup}.jsonl"
    wildcard_constraints:
        setup="|".join(map(re.escape, SETUPS)) or "none",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem=growing("1GB"),
        runtime=growing("10m"),
    params:
        **calls("gandl.evaluation.comparison.gathered.write_setup"),
    script:
        "../workflow/scripts/comparison.py"


use rule comparison_setup as comparison_table with:
    """Median and MAD over cell lines of every number, its interval over seeds, and how far the ranking of setups can be trusted."""
    input:
        similarity=of_task("similarity"),
        drug_control=of_task("drug_control"),
        clusters=of_task("clusters"),
    output:
        output="<results>/evaluation/comparison/table.parquet",
        ranking="<results>/evaluation/comparison/ranking.parquet",
        stability="<results>/evaluation/comparison/stability.parquet",
    log:
        "<logs>/evaluation/comparison_table.log",
    benchmark:
        "<benchmarks>/evaluation/comparison_table.jsonl"
    wildcard_constraints:
        setup="none",
    localrule: True
    params:
        **calls("gandl.evaluation.comparison.table.write_table"),
        settings=of_tasks("bootstrap", "confidence"),
        setups=SETUPS,
        seeds=cfg.comparison.seeds if COMPARING else [],
        seed=cfg.seed,
        switches=SWITCHES,
