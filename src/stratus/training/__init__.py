"""Pre-training and fine-tuning: thin code over Lightning."""
