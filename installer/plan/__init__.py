"""Decide what an installation does, from facts and answers (pure)."""
