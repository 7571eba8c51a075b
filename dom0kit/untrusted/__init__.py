"""Values that come from outside: other hosts, firmware, networks. They are checked and filtered here alone."""
