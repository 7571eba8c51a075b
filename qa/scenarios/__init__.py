"""The scenarios: each is a pytest test whose parameter is its name, as on the command line."""
