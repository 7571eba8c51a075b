"""What the nodes of a Ganeti pool share: SSH keys, /etc/hosts, files."""
