"""A laboratory for network scenarios: a network namespace with a bridge, the machines' cables and the servers."""
