"""Studies of the models: how loss scales with size and data, and what attention looks at."""
