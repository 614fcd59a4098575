"""models, of the comparison: each setup is trained on the tiles of training wells, seed by seed.

REQUIRED  the table of tiles and the image stores
MAKES     <results>/models/comparison/{setup}/seed_{seed}/, as every training
"""


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
        "../../envs/gpu.yaml"
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
        "../../workflow/scripts/training.py"
