"""tabular: tables as labs keep them. Takes CSV and Excel files, makes rows of text with their numbers, doses in micromolar, and
the mistakes of all of them in the fewest sentences.
"""

__all__ = ["doses", "mistakes", "text_table"]
