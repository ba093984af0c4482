"""Cards are made from tables, and tell when their files are others."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stratus.corpora.cards.files import (
    card_path,
    check_files,
    describe,
    read_data_card,
    write_data_card,
)
from stratus.errors import InputError


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "t.parquet"
    columns = {
        "id": ["a", "b"],
        "y": [1.0, None],
        "n": [1, 2],
        "ok": [True, False],
        "cell": [[1.0], [2.0]],
        "volume_per_atom": [9.0, 10.0],
    }
    pq.write_table(pa.table(columns), path)
    return path


def made(path, **other):
    return describe([path], **{"name": "t", "licence": "MIT", "origin": "a test", **other})


def test_a_card_comes_back_and_fits_its_file(table):
    card = made(table, units={"y": "eV"}, summary="Two rows.")
    write_data_card(card_path(table), card)
    assert card_path(table).name == "t.card.yaml"
    assert read_data_card(card_path(table)) == card
    assert card.files[0].rows == 2
    assert [(c.name, c.type.value, c.unit) for c in card.columns] == [
        ("id", "text", ""), ("y", "number", "eV"), ("n", "integer", ""), ("ok", "truth", ""),
        ("cell", "list", None), ("volume_per_atom", "number", "Å^3/atom"),
    ]  # fmt: skip
    check_files(card, table.parent)


def test_a_csv_has_rows_and_types_too(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('id,y,formula\na,1.5,NaCl\n"b\nc",,NaN\n', encoding="utf-8")
    card = made(path)
    assert card.files[0].rows == 2
    assert [c.type.value for c in card.columns] == ["text", "number", "text"]


def test_another_file_is_told_from_the_one_described(table):
    card = made(table)
    pq.write_table(pq.read_table(table).slice(0, 1), table)
    with pytest.raises(InputError, match="not the file that the card 't' describes"):
        check_files(card, table.parent)
    table.unlink()
    with pytest.raises(InputError, match="is missing"):
        check_files(card, table.parent)


def test_a_card_does_not_lead_out_of_its_folder(table):
    card = made(table)
    outside = card.files[0].model_copy(update={"file": "../t.parquet"})
    with pytest.raises(InputError, match="outside its folder"):
        check_files(card.model_copy(update={"files": (outside,)}), table.parent)


@pytest.mark.parametrize(
    ("other", "said"),
    [({"units": {"z": "eV"}}, "no column 'z'"), ({"licence": " "}, "licence")],
)
def test_what_makes_no_card_is_refused(table, other, said):
    with pytest.raises(InputError, match=said):
        made(table, **other)


def test_what_is_no_table_is_refused(tmp_path):
    (tmp_path / "x.cif").write_text("data_x\n", encoding="utf-8")
    (tmp_path / "x.parquet").write_text("no", encoding="utf-8")
    for name, said in (("x.cif", "no table"), ("x.parquet", "cannot be read"), ("y.csv", "exist")):
        with pytest.raises(InputError, match=said):
            made(tmp_path / name)
