"""What the Python interface of one checkout gives, as arrays: run by ``compare_checkouts.py``.

    PYTHONPATH=CHECKOUT/src python scripts/python_outputs.py INPUTS OUT.npz

It runs with the sources of a checkout and must work with those of an older one too, so it asks
what is there before it calls.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pymatgen.core import Structure

import stratus

INTERVAL = 0.9
KELVINS = [0.0, 5.0, 77.0, 298.15, 1000.0]
CURVES = ("cv", "u", "s", "f")


def main(inputs: Path, output: Path) -> None:
    """Write every array to one file."""
    model: Any = stratus.load("bundled")
    strings = pd.read_parquet(inputs / "strings.parquet")["scope"].tolist()
    plain = json.loads((inputs / "structures.json").read_text("utf-8"))
    crystals = {
        "paths": sorted(path for path in (inputs / "cifs").glob("made-*.cif")),
        "strings": strings,
        "structures": [Structure.from_dict(one) for one in plain.values()],
    }
    found: dict[str, Any] = {}
    for kind, some in crystals.items():
        for name, one in predicted(model, some).items():
            for part in ("value", "std", "lo", "hi"):
                found[f"{kind}/{name}/{part}"] = np.asarray(getattr(one, part))
        found[f"{kind}/embedding"] = np.asarray(model.embed(some))
    curves = (model.curves if hasattr(model, "curves") else model.thermo)(
        strings[:60], KELVINS, interval=INTERVAL
    )
    for name in CURVES:
        curve = getattr(curves, name)
        for part in ("value", "lo", "hi"):
            found[f"curves/{name}/{part}"] = np.asarray(getattr(curve, part))
    found["curves/theta_k"] = np.asarray(curves.theta_k)
    np.savez(output, **found)


def predicted(model: Any, crystals: list[Any]) -> Any:
    """Return the predictions by name of the target."""
    return model.predict(crystals, interval=INTERVAL)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
