"""Crystals with labels: what fine-tuning reads, and how its rows are split into folds.

>>> from stratus.corpora import read_labelled
>>> from stratus.corpora.tables.folds import kfold
>>> table = read_labelled("phonons.parquet", ["last_phdos_peak"])  # doctest: +SKIP
>>> folds = kfold(table, 5, seed=0)  # doctest: +SKIP
"""
