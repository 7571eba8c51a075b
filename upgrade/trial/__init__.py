"""Try an image once, keep it, or return to another one."""
