"""Token corpora: a table of SCOPE strings as memory-mapped token ids, in three splits."""
