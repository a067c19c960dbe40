"""Starting the processes of a run, watching them, and starting them again: what `python -m flambeau.distributed.run` does."""
