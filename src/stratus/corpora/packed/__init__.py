"""Packed corpora: the columns of many crystals, memory-mapped, in three splits."""
