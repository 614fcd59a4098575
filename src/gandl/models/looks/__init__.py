"""looks: what is measured and drawn of a training, without influencing it. Takes models and real crops, makes quality,
read-outs, the probe's Z', samples, the curve and status lines.
"""

__all__ = ["curve", "frames", "measures", "probe", "quality", "readouts", "samples", "status", "validation"]
