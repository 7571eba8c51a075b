"""Forms of the text-mode installer, and the functions that process their input."""
