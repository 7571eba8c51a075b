"""Installer: hardware facts, a pure plan made from facts and answers, and the code that carries it out."""
