"""Heads: from what an encoder gives to the numbers of tasks."""
