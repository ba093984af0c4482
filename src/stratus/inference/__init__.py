"""Predictions for any pile of crystals, in the order of the inputs and in bounded memory."""
