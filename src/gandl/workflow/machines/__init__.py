"""machines: what jobs compute on. Gives each job GPUs of its own, requests more after failures, submits patiently to Slurm, and
reports hardware and versions."""

__all__ = ["gpus", "hardware", "preemption", "requests", "slurm", "submission"]
