"""Steps of the first boot."""
