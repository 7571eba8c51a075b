"""XenServer's files to YAML files that people go on with."""
