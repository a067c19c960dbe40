"""Starting the processes of a run, watching them, and starting them again: `flambeau.distributed.run`."""
