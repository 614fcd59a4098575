"""How fast: reading and packing images, training, embedding, and parsing the Snakefile, each against a plain variant."""
