"""The driver of Ganeti's pools."""
