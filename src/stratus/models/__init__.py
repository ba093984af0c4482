"""A model on disk: encoder, heads, view, vocabulary and card in one sealed folder."""
