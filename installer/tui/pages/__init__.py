"""Pages of the text-mode installer."""
