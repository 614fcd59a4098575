"""machines: what jobs compute on. Gives each job GPUs of its own, starts jobs at once, requests more after failures, submits
patiently to Slurm, and reports hardware and versions."""

__all__ = ["gpus", "hardware", "preemption", "rates", "requests", "slurm", "submission"]
