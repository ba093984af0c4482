"""The scripts that make tables of public files: what is read is what is there."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

ELEMENTS = ("Na", "Cl", "Ti", "O", "Fe")


def script(repo_root, name):
    spec = importlib.util.spec_from_file_location(name, repo_root / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tables(repo_root):
    return script(repo_root, "public_tables")


@pytest.fixture(scope="module")
def joining(repo_root):
    return script(repo_root, "join_structures")


def cif(cell, species, coords):
    sites = "\n".join(
        f"  {symbol}  {symbol}{k}  1  {x:.8f}  {y:.8f}  {z:.8f}  1"
        for k, (symbol, (x, y, z)) in enumerate(zip(species, coords, strict=True))
    )
    lengths = "\n".join(
        f"_cell_{name}   {value:.8f}"
        for name, value in zip(
            ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma"),
            cell,
            strict=True,
        )
    )
    return (
        f"# generated using pymatgen\ndata_X\n_symmetry_space_group_name_H-M   'P 1'\n{lengths}\n"
        "loop_\n _symmetry_equiv_pos_site_id\n _symmetry_equiv_pos_as_xyz\n  1  'x, y, z'\nloop_\n"
        " _atom_site_type_symbol\n _atom_site_label\n _atom_site_symmetry_multiplicity\n"
        " _atom_site_fract_x\n _atom_site_fract_y\n _atom_site_fract_z\n _atom_site_occupancy\n"
        f"{sites}\n"
    )


def test_a_table_of_cif_texts_becomes_cells_atoms_and_labels(tables, tmp_path):
    rng, rows = np.random.default_rng(0), []
    for k in range(240):
        count = int(rng.integers(1, 7))
        cell = [*rng.uniform(3, 9, 3), *rng.uniform(70, 110, 3)]
        species = rng.choice(ELEMENTS, count).tolist()
        rows.append((f"mp-{k}", cell, species, rng.random((count, 3)), float(rng.normal())))
    frame = pd.DataFrame(
        [(id_, label, cif(*crystal)) for id_, *crystal, label in rows],
        columns=["material_id", "energy", "cif"],
    )
    frame[:130].to_csv(tmp_path / "a.csv.gz")
    frame[120:].to_csv(tmp_path / "b.csv")  # ten ids stand in both
    files = [{"file": name, "address": "there"} for name in ("a.csv.gz", "b.csv")]
    source = {"id": "material_id", "keep": ["energy", "band_gap"], "files": files}
    found = tables.crystals(tmp_path, source)
    assert found.columns.tolist() == ["material_id", "energy", "cell", "species", "frac_coords"]
    assert found["material_id"].tolist() == [id_ for id_, *_ in rows]
    for (_, cell, species, coords, label), row in zip(rows, found.itertuples(), strict=True):
        assert row.energy == pytest.approx(label)
        assert row.species.split() == species
        np.testing.assert_allclose(row.cell, cell, atol=1e-7)
        apart = np.reshape(row.frac_coords, (-1, 3)) - coords
        np.testing.assert_allclose(apart - np.round(apart), 0, atol=2e-8)


def test_a_density_of_states_is_read_as_plain_values(tables, tmp_path):
    atoms = (
        "{'numbers': array([11, 17]), 'positions': array([[0., 0., 0.],\n       [1., 2., 3.]]), "
        "'cell': array([[2., 0., 0.],\n       [0., 4., 0.],\n       [0., 0., 6.]]), "
        "'pbc': array([ True,  True,  True])}"
    )
    frame = {"mp_id": ["mp-1", "mp-2"], "structure": atoms, "phdos": "[0.0, 1.0]"}
    pd.DataFrame(frame).to_csv(tmp_path / "dos.csv")
    (tmp_path / "train.txt").write_text("1\n")
    (tmp_path / "test.txt").write_text("0\n")
    files = [{"file": "dos.csv", "address": "there"}]
    files += [{"file": f"{n}.txt", "address": "there", "split": n} for n in ("train", "test")]
    found = tables.densities(tmp_path, {"files": files})
    assert found["split"].tolist() == ["test", "train"]
    assert found["species"].tolist() == ["Na Cl"] * 2
    assert found["frac_coords"][0].tolist() == [0, 0, 0, 0.5, 0.5, 0.5]
    frame["structure"] = "{'numbers': __import__('os').getcwd()}"
    pd.DataFrame(frame).to_csv(tmp_path / "dos.csv")
    with pytest.raises(ValueError, match="malformed"):  # nothing of a file is run
        tables.densities(tmp_path, {"files": files})


def test_every_missing_file_is_named_with_its_address(tables, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["public_tables.py", str(tmp_path), str(tmp_path / "data")])
    with pytest.raises(SystemExit) as ended:
        tables.main()
    said = capsys.readouterr().out
    assert ended.value.code == 1
    assert said.count("is not made; download") >= 20
    for name in ("matbench_phonons.json.gz", "mpts_52_val.csv.gz", "phonon_dos.csv"):
        assert f"  {name} from https://" in said
    assert not (tmp_path / "data").exists()


TEXTS = st.sampled_from(["Na1 Cl1", "Cl1 Na1", "Na2 Cl2", "Ti1 O2", "O2 Ti1", "Fe1", "Fe2"])
ROWS = st.lists(st.tuples(TEXTS, st.sampled_from([1, 62, 225])), max_size=6)


@settings(max_examples=200, deadline=None)
@given(labels=ROWS, pool=ROWS)
def test_a_pair_is_joined_where_both_sides_have_it_once(joining, labels, pool):
    def key(row):
        return frozenset(row[0].split()), row[1]

    structures = pd.DataFrame(
        {
            "mp_id_inferred": [f"mp-{k}" for k in range(len(pool))],
            "key": [(joining.of_text(text), group) for text, group in pool],
        }
    )
    table = pd.DataFrame(
        {
            "mbid": [f"mb-{k}" for k in range(len(labels))],
            "fold": 0,
            "y": 1.0,
            "composition": [text for text, _ in labels],
            "spg_num": [group for _, group in labels],
        }
    )
    found = joining.join(table, "y", structures) if labels and pool else pd.DataFrame()
    mine, theirs = [key(row) for row in labels], [key(row) for row in pool]
    expected = {
        (f"mb-{k}", f"mp-{theirs.index(each)}")
        for k, each in enumerate(mine)
        if mine.count(each) == theirs.count(each) == 1
    }
    pairs = set() if found.empty else set(zip(found["mbid"], found["mp_id_inferred"], strict=True))
    assert pairs == expected
