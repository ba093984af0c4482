"""The sets of real structures that the scripts beside this file take from the data folder."""

from __future__ import annotations

from pathlib import Path

DATA = Path(__file__).parents[2] / "shared/data"
"""Where the data folder is looked for when ``--data`` does not say."""

SETS = {
    "mp20": "mp20_partial/mp20_partial.parquet",
    "mpts52": "mpts52/mpts52_val_test.parquet",
    "perovskites": "perov5/perov5_structures.parquet",
    "phonons": "matbench_structures/matbench_phonons_structures.parquet",
    "wbm": "wbm/wbm_5k_structures.parquet",
    "3dsc": "mp_3dsc/mp_source_cifs_4704.parquet",
    "nomad2018": "nomad2018/nomad2018_tco.parquet",
    "carbon24": "carbon24/carbon24_structures.parquet",
}
"""Name of each set and its table in the data folder."""
