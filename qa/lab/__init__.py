"""Lab networks: a network namespace with a bridge, the machines' taps and the servers."""
