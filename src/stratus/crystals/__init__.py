"""What a crystal is: reading, checks, symmetry, canonical setting, composition."""
