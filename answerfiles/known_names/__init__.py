"""Names that answers take from an image: time zones and key maps."""
