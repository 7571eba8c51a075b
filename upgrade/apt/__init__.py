"""apt on a host: packages whose files boot from the image are not changed by it."""
