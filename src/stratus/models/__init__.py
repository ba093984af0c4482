"""A model on disk: encoder, heads, view and card in one sealed folder."""
