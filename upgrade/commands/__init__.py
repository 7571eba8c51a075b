"""``dom0ctl image``: what users see of the images of a host."""
