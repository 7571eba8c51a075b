"""Data types of the installer, without logic: hardware, actions, partitions, image and packages."""
