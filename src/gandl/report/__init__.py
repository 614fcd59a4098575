"""report: everything made so far -> provenance and the audit page. Reports, never computes."""

__all__ = ["audit", "captions", "caveats"]
