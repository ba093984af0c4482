"""Where crystals come from: providers and published files, each as one table of structures.

>>> from stratus.corpora.sources.collect import collect
>>> from stratus.corpora.sources.optimade import Optimade
>>> collect(Optimade(("https://example.org/optimade",)), "mine")  # doctest: +SKIP
"""
