"""Heads: what turns an encoding into values."""
