"""How the processes of a run come to be one MPI world, whoever has started them."""
