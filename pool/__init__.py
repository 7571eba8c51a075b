"""Pools of hosts: the join protocol and the drivers of the toolstacks."""
