"""`gandl check`: looks at a lab's own plates before anything runs, with the readers of the stages `source` and `images`."""
