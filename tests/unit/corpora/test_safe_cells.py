"""What a spreadsheet would run is text in the CSV of encode, if that is asked for."""

from __future__ import annotations

import csv
from pathlib import Path

from stratus.corpora.encoding.job import encode_corpus
from stratus.corpora.encoding.options import EncodeOptions


def test_safe_cells_of_a_csv_are_no_formulas_of_a_spreadsheet(tmp_path, example_cifs):
    text = (example_cifs / "rock-salt.cif").read_text()
    with (tmp_path / "t.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [["id", "cif", "who", "gap"], ["=cmd|x", text, "@a", "-1.5"], ["+1+2", "", "b", "1"]]
        csv.writer(file).writerows(rows)
    for safe in (False, True):
        options = EncodeOptions(workers=0, safe_cells=safe)
        summary = encode_corpus([tmp_path / "t.csv"], tmp_path / "o.csv", options)
        with (tmp_path / "o.csv").open(newline="", encoding="utf-8") as file:
            [row] = csv.DictReader(file)
        with Path(summary.rejects_file).open(newline="", encoding="utf-8") as file:
            rejects = list(csv.DictReader(file))
        mark = "'" if safe else ""
        assert (row["id"], row["who"], row["gap"]) == (f"{mark}=cmd|x", f"{mark}@a", "-1.5")
        assert rejects[0]["id"] == f"{mark}+1+2"
