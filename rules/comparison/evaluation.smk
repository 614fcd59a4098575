"""evaluation, of the comparison: the three tasks of Dmitrenko et al. (2022) on codes, and the table of all setups.

REQUIRED  <results>/embeddings/comparison/{setup}.seed_{seed}.parquet, the table of tiles
MAKES     <results>/evaluation/comparison/{task}/{setup}.seed_{seed}.parquet and what figures draw of it, {setup}.parquet (a target of its own),
          table.parquet, ranking.parquet, stability.parquet
"""


rule comparison_clusters:
    """Clusters within each cell line: UMAP and HDBSCAN over a grid, and the partition that the paper's rule chooses."""
    input:
        codes=f"<results>/embeddings/comparison/{OF_SETUP}.parquet",
        tiles=TILES,
    output:
        numbers=f"<results>/evaluation/comparison/clusters/{OF_SETUP}.parquet",
        partitions=f"<results>/evaluation/comparison/clusters/{OF_SETUP}.partitions.parquet",
        points=f"<results>/evaluation/comparison/clusters/{OF_SETUP}.points.parquet",
    log:
        f"<logs>/evaluation/comparison_clusters_{OF_SETUP}.log",
    benchmark:
        f"<benchmarks>/evaluation/comparison_clusters_{OF_SETUP}.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem=growing("3GB"),
        runtime=growing("2h"),
    params:
        **calls("gandl.evaluation.comparison.clusters.write_clusters"),
        settings=of_tasks("clustering", "bootstrap", "confidence"),
        seed=cfg.seed,
    script:
        "../../workflow/scripts/question.py"


use rule comparison_clusters as comparison_similarity with:
    """Distances between two similar drugs, two opposite ones, and vehicle, by cell line: D, d and a scale-free variant."""
    output:
        numbers=f"<results>/evaluation/comparison/similarity/{OF_SETUP}.parquet",
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
        numbers=f"<results>/evaluation/comparison/drug_control/{OF_SETUP}.parquet",
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
        numbers="<results>/evaluation/comparison/{setup}.parquet",
    log:
        "<logs>/evaluation/comparison_setup_{setup}.log",
    benchmark:
        "<benchmarks>/evaluation/comparison_setup_{setup}.jsonl"
    wildcard_constraints:
        setup="|".join(map(re.escape, SETUPS)) or "none",
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem=growing("1GB"),
        runtime=growing("10m"),
    params:
        **calls("gandl.evaluation.comparison.table.write_setup"),
    script:
        "../../workflow/scripts/question.py"


use rule comparison_setup as comparison_table with:
    """Median and MAD over cell lines of every number, its interval over seeds, and how far the ranking of setups can be trusted."""
    input:
        similarity=of_task("similarity"),
        drug_control=of_task("drug_control"),
        clusters=of_task("clusters"),
    output:
        numbers="<results>/evaluation/comparison/table.parquet",
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
        seeds=SETUP_SEEDS,
        seed=cfg.seed,
        switches=SWITCHES,
