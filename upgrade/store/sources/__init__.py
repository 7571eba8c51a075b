"""Where an image comes from: a folder, an ISO in a file or on a stick, a web server."""
