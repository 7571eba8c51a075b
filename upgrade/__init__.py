"""Image versions of an installed host: staged, tried once, confirmed or left again."""
