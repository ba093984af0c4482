"""The same crystal out of every format, and what is wrong with each."""

from __future__ import annotations

import io
import json
import pickle

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from stratus.crystals.entry import Code, Entry, Reject
from stratus.crystals.reading import ReadOptions, Record, parse, read, records
from stratus.crystals.reading.formats import sniff, take_apart
from stratus.errors import InputError


def only(results) -> Entry | Reject:
    (result,) = list(results)
    return result


def parsed(format_: str, payload, **options) -> list[Entry | Reject]:
    return list(parse(Record("x", "x", format_, payload), ReadOptions(**options)))


# --- POSCAR -----------------------------------------------------------------------------------


def test_poscar_reads_as_pymatgen_writes_it(structure, same):
    assert same(only(parsed("poscar", structure.to(fmt="poscar").encode())), structure)


HEAD = "Na Cl\n2.0\n1.5 0 0\n0 1.5 0\n0 0 1.5\n"


@pytest.mark.parametrize(
    ("text", "second"),
    [
        (HEAD + "Na Cl\n1 1\nDirect\n0 0 0\n.5 .5 .5\n", [0.5, 0.5, 0.5]),
        (HEAD + "Na Cl\n1 1\nSel\nDirect\n0 0 0 T T F\n.5 .5 .5 F F F\n", [0.5, 0.5, 0.5]),
        (HEAD + "Na Cl\n1 1\nCartesian\n0 0 0\n.75 0 0\n", [0.5, 0, 0]),
        (HEAD.replace("2.0", "-27") + "Na Cl\n1 1\nKart\n0 0 0\n.75 0 0\n", [0.5, 0, 0]),
        (HEAD.replace("2.0", "2 2 2") + "Na Cl\n1 1\nD\n0 0 0\n.5 0 0\n", [0.5, 0, 0]),
        (HEAD + "Na_pv/f474ac0d Cl/79d9987a\n1 1\nD\n0 0 0\n.5 0 0\n", [0.5, 0, 0]),
        (HEAD + "1 1\nDirect\n0 0 0\n.5 .5 .5\n", [0.5, 0.5, 0.5]),
        (HEAD.replace("Na Cl", "old") + "1 1\nD\n0 0 0 Na\n.5 0 0 Cl\n", [0.5, 0, 0]),
        (HEAD.replace("Na Cl", "old") + "1 1\nD\n0 0 0 # Na1\n.5 0 0 # Cl1\n", [0.5, 0, 0]),
        (HEAD + "Na Cl\n1 1\nDirect\n0.00-0.00 0.00\n.5 .5 .5\n", [0.5, 0.5, 0.5]),
    ],
)
def test_every_dialect_of_poscar_means_the_same_cell(text, second):
    found = only(parsed("poscar", text.encode()))
    assert found.numbers.tolist() == [11, 17]
    assert np.allclose(found.lattice, np.eye(3) * 3)
    assert found.frac_coords[1] == pytest.approx(second)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (HEAD.replace("Na Cl", "old") + "1 1\nD\n0 0 0\n.5 0 0\n", Code.NOT_A_STRUCTURE),
        (HEAD + "Na Xx\n1 1\nD\n0 0 0\n.5 0 0\n", Code.DUMMY_SPECIES),
        (HEAD + "Na Cl\n1 1\nD\n0 0 0\n", Code.UNREADABLE),
        (HEAD + "Na Cl\n1\nD\n0 0 0\n.5 0 0\n", Code.UNREADABLE),
        (HEAD + "Na Cl\n1 1\nD\n0 0 0\n.5 0 x\n", Code.UNREADABLE),
        (HEAD + "Na Cl\n0 0\nD\n", Code.NO_ATOMS),
        (HEAD + "Na Cl\n1 9999999\nD\n0 0 0\n", Code.TOO_MANY_ATOMS),
        (HEAD.replace("1.5", "0") + "Na Cl\n1 1\nD\n0 0 0\n.5 0 0\n", Code.BAD_LATTICE),
        (HEAD.replace("1.5", "0") + "Na Cl\n1 1\nC\n0 0 0\n.5 0 0\n", Code.BAD_LATTICE),
        ("", Code.UNREADABLE),
    ],
)
def test_a_bad_poscar_is_refused(text, code):
    assert only(parsed("poscar", text.encode())).code is code


# --- JSON -------------------------------------------------------------------------------------


def ids(path, **options) -> list[str]:
    results = list(read(path, **options))
    assert all(isinstance(r, Entry) for r in results), results
    return [r.id for r in results]


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        (lambda s: s, ["f"]),
        (lambda s: {"structure": s, "energy": -1.5}, ["f"]),
        (lambda s: [s, s], ["f:0", "f:1"]),
        (lambda s: [{"material_id": "mp-1", "structure": s}], ["mp-1"]),
        (lambda s: {"a": s, "b": {"structure": s}}, ["a", "b"]),
        (
            lambda s: {
                "index": ["mb-1", "mb-2"],
                "columns": ["structure", "y"],
                "data": [[s, 1], [s, 2]],
            },
            ["mb-1", "mb-2"],
        ),
        (lambda s: {"index": [0], "columns": ["structure"], "data": [[s]]}, ["f:0"]),
        (lambda s: {"structure": json.dumps(s)}, ["f"]),
    ],
)
def test_every_shape_of_json_is_read(tmp_path, structure, shape, wanted, same):
    path = tmp_path / "f.json"
    path.write_text(json.dumps(shape(structure.as_dict())))
    assert ids(path) == wanted
    assert all(same(e, structure) for e in read(path))


def test_labels_stand_beside_a_structure_in_json(tmp_path, structure):
    path = tmp_path / "f.json"
    path.write_text(json.dumps({"structure": structure.as_dict(), "energy": -1.5, "@class": "X"}))
    assert dict(only(read(path)).labels) == {"energy": -1.5}


def test_no_class_that_a_file_names_is_imported(tmp_path, structure, monkeypatch):
    import importlib

    given = structure.as_dict() | {"@module": "antigravity", "@class": "System"}
    given["lattice"] |= {"@module": "os", "@class": "system"}
    path = tmp_path / "f.json"
    path.write_text(json.dumps(given))
    monkeypatch.setattr(importlib, "import_module", None)
    assert isinstance(only(read(path)), Entry)


def test_oxidation_states_survive_json(tmp_path):
    given = Structure(Lattice.cubic(4), ["Fe3+", "O2-"], [[0, 0, 0], [0.5] * 3])
    path = tmp_path / "f.json"
    path.write_text(json.dumps(given.as_dict()))
    assert only(read(path)).species == ("Fe3+", "O2-")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda d: d.pop("lattice"), Code.NOT_A_STRUCTURE),
        (lambda d: d["lattice"].pop("matrix") and d["lattice"].pop("a"), Code.NOT_A_STRUCTURE),
        (lambda d: d.update(sites=[]), Code.NO_ATOMS),
        (lambda d: d.update(sites=7), Code.NOT_A_STRUCTURE),
        (lambda d: d["sites"][0].update(abc=[0, 0]), Code.NOT_A_STRUCTURE),
        (lambda d: d["sites"][0]["species"][0].update(occu=0.5), Code.PARTIAL_OCCUPANCY),
        (lambda d: d["sites"][0]["species"][0].update(element="X"), Code.DUMMY_SPECIES),
    ],
)
def test_a_bad_structure_in_json_is_refused(tmp_path, structure, change, code):
    given = structure.as_dict()
    change(given)
    path = tmp_path / "f.json"
    path.write_text(json.dumps([given]))
    assert only(read(path)).code is code


@pytest.mark.parametrize("text", ["", "[1, 2", "{", '{"a": 1} x', "7", "[{]", '"a"', "[" * 9999])
def test_broken_json_ends_in_a_reject(tmp_path, text):
    path = tmp_path / "f.json"
    path.write_text(text)
    assert isinstance(list(read(path))[-1], Reject)


def test_nothing_of_a_mapping_is_passed_over(tmp_path, structure):
    path = tmp_path / "f.json"
    path.write_text(json.dumps({"note": 1, "a": structure.as_dict(), "b": 2}))
    assert [(r.id, type(r)) for r in read(path)] == [("note", Reject), ("a", Entry), ("b", Reject)]
    path.write_text('{"columns": 1, "data": [1]}')
    assert only(read(path)).code is Code.NOT_A_STRUCTURE


def test_a_list_that_breaks_off_gives_what_came_before(tmp_path, structure):
    path = tmp_path / "f.json"
    text = json.dumps([structure.as_dict()] * 3)
    path.write_text(text[:-100])
    assert [type(r) for r in read(path)] == [Entry, Entry, Reject]


def test_each_line_of_jsonl_is_a_row_of_its_own(tmp_path, structure):
    path = tmp_path / "f.jsonl"
    good = json.dumps({"id": "a", "structure": structure.as_dict()})
    path.write_text(f"{good}\nnonsense\n\n{good.replace('a', 'a', 1)}\n")
    assert [type(r) for r in read(path)] == [Entry, Reject, Entry]


# --- extended XYZ and ASE ---------------------------------------------------------------------


def test_extxyz_and_databases_read_as_ase_writes_them(tmp_path, structure, same):
    ase_io, ase_db = pytest.importorskip("ase.io"), pytest.importorskip("ase.db")
    from pymatgen.io.ase import AseAtomsAdaptor

    atoms = AseAtomsAdaptor.get_atoms(structure)
    atoms.calc = None
    atoms.info["gap"] = 1.25
    ase_io.write(tmp_path / "one.extxyz", atoms)
    ase_io.write(tmp_path / "two.xyz", [atoms, atoms], format="extxyz")
    with ase_db.connect(tmp_path / "three.db") as database:
        database.write(atoms, gap=1.25)
        database.write(atoms, material_id="mp-7")
    assert ids(tmp_path / "one.extxyz") == ["one"]
    assert ids(tmp_path / "two.xyz") == ["two:0", "two:1"]
    assert ids(tmp_path / "three.db") == ["three:1", "mp-7"]
    for name in ("one.extxyz", "two.xyz", "three.db"):
        found = list(read(tmp_path / name))
        assert all(same(e, structure) for e in found)
        assert found[0].labels["gap"] == 1.25
    assert same(only(read(atoms)), structure)


FRAME = '2\nLattice="3 0 0 0 3 0 0 0 3" Properties=species:S:1:pos:R:3\nNa 0 0 0\nCl 1.5 1.5 1.5\n'


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (FRAME.replace("Lattice", "Cell"), Code.NOT_A_STRUCTURE),
        (FRAME.replace("Na", "Q"), Code.DUMMY_SPECIES),
        (FRAME.replace("1.5 1.5 1.5", "1.5 x"), Code.UNREADABLE),
        (FRAME.replace("2\n", "9\n", 1), Code.UNREADABLE),
        (FRAME.replace("2\n", "-1\n", 1), Code.TOO_MANY_ATOMS),
        (FRAME.replace("pos:R:3", "pos:R:three"), Code.UNREADABLE),
        ("", Code.NOT_A_STRUCTURE),
        ("garbage\n", Code.UNREADABLE),
    ],
)
def test_a_bad_frame_is_refused(tmp_path, text, code):
    path = tmp_path / "f.xyz"
    path.write_text(text)
    assert list(read(path))[-1].code is code


def test_what_is_no_database_is_refused(tmp_path):
    (tmp_path / "f.db").write_bytes(b"SQLite format 3\0" + b"\1" * 100)
    assert only(read(tmp_path / "f.db")).code is Code.UNREADABLE


def test_trajectories_are_refused_with_a_way_out(tmp_path):
    (tmp_path / "f.traj").write_bytes(b"- of Ulm")
    assert "extxyz" in only(read(tmp_path / "f.traj")).detail


# --- objects, names, standard input -----------------------------------------------------------


def test_structures_are_taken_as_they_are(structure, same):
    found = list(read([structure, structure]))
    assert [e.id for e in found] == ["0", "1"]
    assert all(same(e, structure) for e in found)
    mixed = Structure(Lattice.cubic(4), [{"Na": 0.5, "K": 0.5}], [[0, 0, 0]])
    assert only(read(mixed)).code is Code.PARTIAL_OCCUPANCY
    assert only(read(Structure(Lattice.cubic(4), ["X"], [[0, 0, 0]]))).code is Code.DUMMY_SPECIES


def test_a_left_handed_lattice_is_turned_and_every_atom_stays(structure):
    matrix = structure.lattice.matrix * [[1], [1], [-1]]
    left = Structure(Lattice(matrix), structure.species, structure.frac_coords)
    assert np.linalg.det(matrix) < 0
    found = only(read(left))
    assert np.linalg.det(found.lattice) > 0
    assert np.allclose(found.frac_coords @ found.lattice, left.cart_coords)


@pytest.mark.parametrize(
    ("path", "stem", "format_", "compression"),
    [
        ("a/NaCl.cif.gz", "a/NaCl", "cif", "gzip"),
        ("run1/POSCAR", "run1/POSCAR", "poscar", None),
        ("POSCAR-12.bz2", "POSCAR-12", "poscar", "bz2"),
        ("a.b.vasp", "a.b", "poscar", None),
        ("x.tar.gz", "x", "tar", "gzip"),
        ("x.tgz", "x", "tar", "gzip"),
        ("X.CIF", "X", "cif", None),
        ("README.txt", "README.txt", None, None),
        ("CONTCAR", "CONTCAR", "poscar", None),
        (".cif", ".cif", None, None),
    ],
)
def test_names_say_format_and_id(path, stem, format_, compression):
    name = take_apart(path)
    assert (name.stem, name.format, name.compression) == (stem, format_, compression)


def test_standard_input_is_recognised_by_its_content(cif, structure):
    texts = {
        "cif": cif().encode(),
        "poscar": structure.to(fmt="poscar").encode(),
        "json": json.dumps(structure.as_dict(), indent=1).encode(),
        "jsonl": (json.dumps(structure.as_dict()) + "\n").encode() * 2,
        "extxyz": FRAME.encode(),
        "csv": b"id,cif\n1,\n",
        None: b"\0\1\2",
    }
    for format_, data in texts.items():
        assert sniff(data) == format_
        found = list(records("-", ReadOptions(), io.BytesIO(data)))
        assert found
        if format_ not in {"csv", None}:
            assert all(isinstance(e, Entry) for r in found for e in parse(r, ReadOptions()))


def test_missing_and_wrong_inputs_are_named_at_once(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.cif does not exist"):
        records(tmp_path / "nothing.cif", ReadOptions())
    with pytest.raises(InputError, match="standard input"):
        records("-", ReadOptions())
    with pytest.raises(InputError, match="int"):
        records([7], ReadOptions())
    with pytest.raises(InputError, match="7 is no path"):
        records(7, ReadOptions())


def test_records_and_options_travel_to_other_processes(tmp_path, structure, cif):
    (tmp_path / "a.cif").write_text(cif())
    (tmp_path / "b.json").write_text(json.dumps(structure.as_dict()))
    (tmp_path / "c.csv").write_text("id,cif\nq,\n")
    (tmp_path / "d.xyz").write_text(FRAME)
    for record in records(tmp_path, ReadOptions()):
        again = pickle.loads(pickle.dumps(record))  # noqa: S301 - our own record
        assert [r.id for r in parse(again, ReadOptions())] == [
            r.id for r in parse(record, ReadOptions())
        ]


def test_an_option_that_does_not_exist_is_an_error():
    with pytest.raises(ValueError, match="max_atom"):
        read([], max_atom=3)
