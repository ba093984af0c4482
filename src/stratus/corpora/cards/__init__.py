"""Cards of data sets: where a table is from, under which licence, and what its columns mean."""
