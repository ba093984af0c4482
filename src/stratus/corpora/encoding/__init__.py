"""The encode job: any pile of crystals to one table of SCOPE strings, of atoms, or of both.

>>> from stratus.corpora.encoding.job import encode_corpus
>>> summary = encode_corpus(["cifs/"], "scope.parquet")  # doctest: +SKIP
"""
