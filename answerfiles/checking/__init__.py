"""Check files of every kind: which files, what each is, its problems, and their output for people and programs."""
