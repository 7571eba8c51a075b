"""Find and read the answer file: kernel arguments, volumes, network."""
