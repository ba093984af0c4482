"""How loss falls with parameters and tokens: a plan of runs, the runs, and the law that fits them.

>>> from stratus.studies.scaling.report import fit_table
>>> report = fit_table("runs.csv")  # doctest: +SKIP
"""
