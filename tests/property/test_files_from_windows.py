"""A text is the same crystal after any editor and any compression, by whatever name it is given."""

from __future__ import annotations

import bz2
import codecs
import gzip
import json
import lzma

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stratus.crystals.entry import Entry
from stratus.crystals.reading import read

EDGE = 4.1
MATRIX = (np.eye(3) * EDGE).tolist()
STRUCTURE = {
    "lattice": MATRIX,
    "species": ["Cs", "Cl"],
    "frac_coords": [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]],
}
CELL = "".join(
    f"_cell_length_{axis} {EDGE}\n_cell_angle_{angle} 90\n"
    for axis, angle in zip("abc", ("alpha", "beta", "gamma"), strict=True)
)
LINES = {
    "cif": f"data_salt\n{CELL}loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n"
    "_atom_site_fract_z\nCs1 0 0 0\nCl1 0.5 0.5 0.5\n",
    "vasp": f"salt\n{EDGE}\n1 0 0\n0 1 0\n0 0 1\nCs Cl\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n",
    "xyz": f'2\nLattice="{EDGE} 0 0 0 {EDGE} 0 0 0 {EDGE}" Properties=species:S:1:pos:R:3\n'
    "Cs 0 0 0\nCl 2.05 2.05 2.05\n",
    "json": json.dumps(STRUCTURE, indent=1),
    "jsonl": f"{json.dumps(STRUCTURE)}\n{json.dumps(STRUCTURE)}\n",
    "csv": "id,lattice,species,frac_coords\n"
    'salt,"4.1 0 0 0 4.1 0 0 0 4.1",Cs Cl,"0 0 0 .5 .5 .5"\n',
}
PACKED = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}
MARKED = {
    "utf-8": b"",
    "utf-8-sig": b"",
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
}

texts = st.sampled_from(sorted(LINES))
encodings = st.sampled_from(sorted(MARKED))
endings = st.sampled_from(["\n", "\r\n"])
packings = st.sampled_from(sorted(PACKED))


def written(kind: str, encoding: str, ending: str, packing: str) -> bytes:
    text = LINES[kind].replace("\n", ending)
    return PACKED[packing](MARKED[encoding] + text.encode(encoding))


def all_are_the_salt(found: list[object], kind: str) -> bool:
    return len(found) == (2 if kind == "jsonl" else 1) and all(
        isinstance(entry, Entry)
        and entry.numbers.tolist() == [55, 17]
        and np.allclose(entry.lattice, MATRIX)
        and np.allclose(entry.frac_coords, STRUCTURE["frac_coords"])
        for entry in found
    )


@given(texts, encodings, endings, packings, st.booleans())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_marks_endings_compression_and_names_change_nothing(
    tmp_path, kind, encoding, ending, packing, bare
) -> None:
    path = tmp_path / (f"salt{packing}" if bare else f"salt.{kind}{packing}")
    path.write_bytes(written(kind, encoding, ending, packing))
    found = list(read(path))
    path.unlink()
    assert all_are_the_salt(found, kind), found
    assert found[0].id.startswith("salt")


@given(st.lists(st.tuples(st.booleans(), endings), min_size=2, max_size=5))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_frames_put_together_may_each_have_a_mark(tmp_path, frames) -> None:
    path = tmp_path / "salts.xyz"
    path.write_bytes(
        b"".join(
            (codecs.BOM_UTF8 if mark else b"") + LINES["xyz"].replace("\n", ending).encode()
            for mark, ending in frames
        )
    )
    found = list(read(path))
    assert len(found) == len(frames)
    assert all(all_are_the_salt([entry], "xyz") for entry in found)


@pytest.mark.parametrize("packing", [".gz", ".bz2", ".xz"])
@pytest.mark.parametrize("held", ["", ".gz", ".bz2", ".xz"])
def test_the_content_says_how_a_file_is_compressed(tmp_path, packing, held) -> None:
    path = tmp_path / f"salt{packing}"
    path.write_bytes(written("cif", "utf-8", "\n", held))
    assert all_are_the_salt(list(read(path)), "cif")


@pytest.mark.parametrize("packing", [".gz", ".bz2", ".xz"])
def test_a_compressed_file_that_breaks_off_is_refused(tmp_path, packing) -> None:
    path = tmp_path / f"salt{packing}"
    path.write_bytes(written("cif", "utf-8", "\n", packing)[:-20])
    (found,) = read(path)
    assert not isinstance(found, Entry)
    assert "damaged or cut off" in found.detail


def test_a_structure_in_a_table_may_have_a_mark(tmp_path) -> None:
    path = tmp_path / "salts.jsonl"
    lines = [{"structure": f"\ufeff{LINES[kind]}"} for kind in ("cif", "vasp", "json")]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    for entry in read(path):
        assert all_are_the_salt([entry], "cif")
