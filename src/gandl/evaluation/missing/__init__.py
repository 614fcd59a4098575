"""missing: what stands in place of an answer that cannot be given. Takes the reason, makes tables without rows that say it."""

__all__ = ["answers"]
