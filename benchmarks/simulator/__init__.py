"""The simulated pair of screens: makes its data without the workflow, and measures what its severity can be read from."""
