"""evaluation, of the comparison: the three tasks of Dmitrenko et al. (2022) on codes, and the table of all setups.

REQUIRED  <results>/embeddings/comparison/{setup}.seed_{seed}.parquet, the table of tiles
MAKES     <results>/evaluation/comparison/{task}/{setup}.seed_{seed}.parquet and what figures draw of it, {setup}.parquet (a target of its own),
          table.parquet, ranking.parquet, stability.parquet
"""


rule comparison_tasks:
    """The three tasks on the codes of one setup and seed: distances between similar and opposite drugs, drug against vehicle by the
    paper's head and a linear SVM, and clusters by UMAP and HDBSCAN, all by cell line.
    """
    input:
        codes=f"<results>/embeddings/comparison/{OF_SETUP}.parquet",
        tiles=TILES,
    output:
        similarity=f"<results>/evaluation/comparison/similarity/{OF_SETUP}.parquet",
        distances=f"<results>/evaluation/comparison/similarity/{OF_SETUP}.distances.parquet",
        drug_control=f"<results>/evaluation/comparison/drug_control/{OF_SETUP}.parquet",
        grid=f"<results>/evaluation/comparison/drug_control/{OF_SETUP}.grid.parquet",
        clusters=f"<results>/evaluation/comparison/clusters/{OF_SETUP}.parquet",
        partitions=f"<results>/evaluation/comparison/clusters/{OF_SETUP}.partitions.parquet",
        points=f"<results>/evaluation/comparison/clusters/{OF_SETUP}.points.parquet",
    log:
        f"<logs>/evaluation/comparison_tasks_{OF_SETUP}.log",
    benchmark:
        f"<benchmarks>/evaluation/comparison_tasks_{OF_SETUP}.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem=growing("3GB"),
        runtime=growing("2h"),
    params:
        **calls("gandl.evaluation.comparison.tasks.write_tasks"),
        settings=of_comparison("tasks"),
        similar=PAIRS["similar"],
        opposite=PAIRS["opposite"],
        switches=SWITCHES,
        seed=cfg.seed,
    script:
        "../../workflow/scripts/question.py"


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
        settings=of_comparison("tasks"),
        setups=SETUPS,
        seeds=SETUP_SEEDS,
        seed=cfg.seed,
        switches=SWITCHES,
