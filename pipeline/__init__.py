"""Run the build packages: image, then ISO; build twice to prove that the same inputs give the same bytes."""
