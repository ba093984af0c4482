"""Pre-training: thin code over Lightning."""
