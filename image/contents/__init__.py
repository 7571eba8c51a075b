"""What an image contains, for its manifest and its SBOM: Debian packages, their sources and licenses, signing keys."""
