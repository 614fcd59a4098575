"""report: everything made so far -> provenance and the audit page. Tells, never computes."""
