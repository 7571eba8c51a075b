"""Joins the build rooms: image, then ISO; and builds twice to prove that the same inputs give the same bytes."""
