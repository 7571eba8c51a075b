"""The driver of Ganeti pools."""
