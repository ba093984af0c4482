"""What training makes small: steps of samples, and losses of what a net gives for them."""
