"""Signing what a build makes: the recipe's sign command and key, or a development key; the public keys of the image."""
