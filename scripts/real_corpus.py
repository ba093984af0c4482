"""Make one corpus of the real crystals whose licence allows training, for `stratus pretrain`.

    python scripts/real_corpus.py OUT.parquet [--data DIR] [--only NAME ...]

Which tables, and why not the others, is in `real_corpus.yaml` beside this file. Ids get the name
of their set in front (``mp20/mp-149``), so one crystal in two sets is two rows; `stratus pretrain`
counts equal strings as one. Beside OUT.parquet, OUT.card.yaml names every source with its rows
and licence, for `stratus pretrain --card`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from stratus.corpora.encoding.job import encode_corpus
from stratus.corpora.encoding.options import EncodeOptions

HERE = Path(__file__).parent
COLUMNS = (
    *("id", "scope", "space_group", "formula", "n_atoms", "n_orbits", "volume_per_atom"),
    *("dialect", "symprec"),
)


def encode_set(source: dict[str, str], table: Path, folder: Path) -> pa.Table:
    """Encode one table of the data folder and print what became of its rows."""
    out = folder / f"{source['name']}.parquet"
    read = {"id_column": source["id"]} if "id" in source else {}
    done = encode_corpus([str(table)], out, EncodeOptions.model_validate({"read": read}))
    rejects = ", ".join(f"{n} {code}" for code, n in sorted(done.rejects.items())) or "none"
    print(f"{source['name']:14}{done.rows_in:8}{done.rows_out:8}{done.distinct:8}   {rejects}")
    encoded = pq.read_table(out, columns=list(COLUMNS))
    ids = [f"{source['name']}/{name}" for name in encoded["id"].to_pylist()]
    return encoded.set_column(0, "id", pa.array(ids, pa.string()))


def main() -> None:
    """Encode the sets one after the other and write them as one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared/data")
    parser.add_argument("--only", nargs="*", help="names of the sets to take")
    options = parser.parse_args()
    sources = yaml.safe_load((HERE / "real_corpus.yaml").read_text("utf-8"))["taken"]
    if options.only:
        sources = [s for s in sources if s["name"] in options.only]
    absent = [s["file"] for s in sources if not (options.data / s["file"]).is_file()]
    if absent or not sources:
        sys.exit(
            f"{options.data} has no {', '.join(absent) or 'such set'}; name the folder: --data"
        )

    print(f"{'set':14}{'rows':>8}{'strings':>8}{'unlike':>8}   rejects")
    with tempfile.TemporaryDirectory() as folder:
        tables = [encode_set(s, options.data / s["file"], Path(folder)) for s in sources]
    corpus = pa.concat_tables(tables)
    pq.write_table(corpus, options.output, compression="zstd")
    card = {
        "data": [
            {"name": s["name"], "rows": len(t), "licence": s["licence"], "origin": s["origin"]}
            for s, t in zip(sources, tables, strict=True)
        ]
    }
    options.output.with_suffix(".card.yaml").write_text(
        yaml.safe_dump(card, sort_keys=False), encoding="utf-8"
    )
    print(f"{options.output}: {len(corpus)} rows, {len(corpus['scope'].unique())} unlike strings")


if __name__ == "__main__":
    main()
