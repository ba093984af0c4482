"""Cards on disk: made from a table, written, read, and held against their files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import yaml

from stratus.corpora.cards.card import CARD_SUFFIX, Column, ColumnType, DataCard, DataFile
from stratus.corpora.documents import read_yaml, validated
from stratus.errors import InputError
from stratus.files.digest import sha256
from stratus.files.whole import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from stratus.corpora.cards.card import DataSource

_UNITS = {"volume_per_atom": "Å^3/atom", "symprec": "Å", "angle_tolerance": "degree"}
"""Units of the columns that ``stratus encode`` writes."""

_WIDTH = 100


def describe(
    tables: Sequence[Path],
    *,
    name: str,
    licence: str,
    origin: str,
    units: Mapping[str, str] | None = None,
    summary: str = "",
    sources: Sequence[DataSource] = (),
    made_by: str = "",
) -> DataCard:
    """Make the card of some tables with the same columns.

    Args:
        tables: Parquet, CSV or TSV files in one folder.
        name: short name of the data set.
        licence: its licence, as an SPDX name where there is one.
        origin: where it is from: a link or a citation.
        units: units by column; those of the columns of ``stratus encode`` are known.
        summary: one sentence.
        sources: what the tables were put together from.
        made_by: the command or the code that made them.

    Raises:
        stratus.errors.InputError: no table, one that cannot be read, tables with different
            columns, a unit for a column that is not there, or an empty name, licence or origin.
    """
    if not tables:
        raise InputError("a card describes at least one table; name it")
    schemas = [_schema(path) for path in tables]
    names = schemas[0].names
    for path, schema in zip(tables, schemas, strict=True):
        if schema.names != names:
            raise InputError(
                f"{path} has other columns than {tables[0]}; give each table a card of its own"
            )
    given = dict(units or {})
    for column in given:
        if column not in names:
            raise InputError(f"{tables[0]} has no column {column!r}, for which a unit was given")
    known = {**{n: u for n, u in _UNITS.items() if n in names}, **given}
    values = {
        "name": name,
        "summary": summary,
        "licence": licence,
        "origin": origin,
        "files": [describe_file(path, path.name).model_dump(mode="json") for path in tables],
        "columns": [_column(f, known).model_dump(mode="json") for f in schemas[0]],
        "sources": [source.model_dump(mode="json") for source in sources],
        "made_by": made_by,
    }
    return validated(DataCard, values, f"the card of {tables[0]}")


def describe_file(path: Path, shown: str) -> DataFile:
    """Return size, digest and rows of a file.

    Args:
        path: the file.
        shown: its path as the card gives it.
    """
    return DataFile(
        file=shown, bytes=path.stat().st_size, sha256=sha256(path), rows=_count_rows(path)
    )


def card_path(table: Path) -> Path:
    """Return where the card of a table stands: ``wbm.parquet`` has ``wbm.card.yaml``."""
    return table.with_suffix(CARD_SUFFIX)


def write_data_card(path: Path, card: DataCard) -> None:
    """Write a card; it is there whole or not at all."""
    values = {"format": card.format, **card.model_dump(mode="json", exclude_defaults=True)}
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=_WIDTH)
    write_whole(path, text)


def read_data_card(path: Path) -> DataCard:
    """Read a card.

    Raises:
        stratus.errors.InputError: it is missing or no card; the first wrong key is named.
    """
    return validated(DataCard, read_yaml(path), path)


def check_files(card: DataCard, folder: Path) -> None:
    """Hold a card against its files.

    Args:
        card: the card.
        folder: the folder from which its paths count.

    Raises:
        stratus.errors.InputError: a path leads out of the folder, a file is missing or has
            changed, or a table has other rows or columns than the card says; says which.
    """
    for entry in card.files:
        path = folder / entry.file
        if not path.resolve().is_relative_to(folder.resolve()):
            raise InputError(f"the card {card.name!r} names {entry.file!r}, outside its folder")
        if not path.is_file():
            raise InputError(f"{path} is missing, although the card {card.name!r} lists it")
        if path.stat().st_size != entry.bytes or sha256(path) != entry.sha256:
            raise InputError(
                f"{path} is not the file that the card {card.name!r} describes; "
                "take the right file, or make its card anew"
            )
        if entry.rows is not None and (rows := _count_rows(path)) != entry.rows:
            raise InputError(f"{path} has {rows} rows, its card says {entry.rows}")
        if card.columns and entry.rows is not None:
            names = _schema(path).names
            missing = [c.name for c in card.columns if c.name not in names]
            if missing:
                raise InputError(f"{path} has no column {missing[0]!r}, which its card describes")


def _schema(path: Path) -> pa.Schema:
    if not path.is_file():
        raise InputError(f"{path} does not exist or is no file; check the path")
    try:
        if path.suffix == ".parquet":
            return pq.read_schema(path)
        if path.suffix in {".csv", ".tsv"}:
            with _open_csv(path) as reader:
                return reader.schema
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read as a table: {reason}") from None
    raise InputError(f"{path} is no table; a card describes the columns of .parquet, .csv or .tsv")


def _open_csv(path: Path) -> pa_csv.CSVStreamingReader:
    delimiter = "\t" if path.suffix == ".tsv" else ","
    return pa_csv.open_csv(
        path,
        parse_options=pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
    )


def _count_rows(path: Path) -> int | None:
    try:
        if path.suffix == ".parquet":
            return int(pq.read_metadata(path).num_rows)
        if path.suffix in {".csv", ".tsv"}:
            with _open_csv(path) as reader:
                return sum(int(batch.num_rows) for batch in reader)
    except pa.ArrowException as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read as a table: {reason}") from None
    return None


def _column(field: pa.Field, units: Mapping[str, str]) -> Column:
    kind = _type(field.type)
    measured = kind in {ColumnType.NUMBER, ColumnType.LIST, ColumnType.OTHER}
    return Column(name=field.name, type=kind, unit=units.get(field.name, None if measured else ""))


def _type(kind: pa.DataType) -> ColumnType:
    if pa.types.is_dictionary(kind):
        return _type(kind.value_type)
    tests = {
        ColumnType.TEXT: (pa.types.is_string, pa.types.is_large_string),
        ColumnType.TRUTH: (pa.types.is_boolean,),
        ColumnType.INTEGER: (pa.types.is_integer,),
        ColumnType.NUMBER: (pa.types.is_floating, pa.types.is_decimal),
        ColumnType.TIME: (pa.types.is_temporal,),
        ColumnType.LIST: (
            pa.types.is_list,
            pa.types.is_large_list,
            pa.types.is_fixed_size_list,
        ),
    }
    found = [name for name, those in tests.items() if any(test(kind) for test in those)]
    return found[0] if found else ColumnType.OTHER
