"""A feed: a folder with images and a signed index, on any web server or file system, that hosts compare their image with."""
