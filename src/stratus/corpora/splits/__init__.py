"""Splits as files: made by rule, named by their digest, with a check for what leaks through."""
