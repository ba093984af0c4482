"""Files on disk: written whole or not at all, told apart by their digests, read within bounds."""
