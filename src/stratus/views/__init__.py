"""A stratum's view: crystals to samples, samples to batches of tensors with declared keys."""
