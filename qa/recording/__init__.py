"""The screens of a machine, recorded while it runs."""
