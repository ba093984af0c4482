"""Ids of files: stems stay; those that clash get their ending, then more of their path."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratus.crystals.reading import ReadOptions, records
from stratus.crystals.reading.file_names import FileNames, Listed
from stratus.crystals.reading.formats import take_apart

EVERY = settings(max_examples=300, deadline=None)
FOLDERS = st.sampled_from(("", "a", "b", "x/a", "x/b", "/data/a", "../a"))
STEMS = st.sampled_from(("GaAs", "NaCl", "sub/GaAs", "sub/NaCl", "GaAs.cif", "POSCAR"))
ENDINGS = st.sampled_from((".cif", ".vasp", ".json", ".cif.gz", ".csv", ".parquet", ""))
LISTED = st.builds(lambda above, stem, end: Listed(above, stem + end), FOLDERS, STEMS, ENDINGS)
LISTINGS = st.lists(LISTED, min_size=1, max_size=12)


def ids(files: list[Listed]) -> list[str]:
    """Return what each file is called: of a table what its rows begin with."""
    names = FileNames(lambda: files)
    found = [names.of(file) for file in files]
    return [n.file if n.format in {"csv", "parquet"} else n.stem for n in found]


def plain(file: Listed) -> str:
    name = take_apart(file.shown)
    return name.file if name.format in {"csv", "parquet"} else name.stem


@EVERY
@given(LISTINGS, st.randoms())
def test_ids_are_unique_and_do_not_depend_on_the_order(files, random):
    found = ids(files)
    different = dict(zip(files, found, strict=True))
    assert len(set(different.values())) == len(different), "of a file listed twice one id"
    again = list(files)
    random.shuffle(again)
    assert dict(zip(again, ids(again), strict=True)) == different


@EVERY
@given(LISTINGS)
def test_a_stem_that_no_other_file_has_stays_and_the_others_get_no_more_than_they_need(files):
    files = list(dict.fromkeys(files))
    found = dict(zip(files, ids(files), strict=True))
    count = Counter(map(plain, files))
    for file, name in found.items():
        end = f"/{file.shown}"
        if name == plain(file):
            same = sum(plain(other) == name for other in files)
            assert same == 1 or not file.above, "nothing longer is left for it"
        else:
            assert name == file.shown or (f"/{file.above}{end}").endswith(f"/{name}")
        taken = any(name_ == plain(file) for other, name_ in found.items() if other != file)
        longer = {o.shown for o in files} | {f"{o.above}/{o.shown}" for o in files}
        if count[plain(file)] == 1 and not taken and plain(file) not in longer:
            assert name == plain(file)


def test_clashing_stems_get_their_ending_and_then_their_folder(tmp_path):
    for name in ("a/GaAs.cif", "a/GaAs.vasp", "b/GaAs.cif", "a/NaCl.cif", "a/t.csv", "b/t.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("cif\nx\n" if name.endswith("csv") else "x")
    found = [r.id for r in records([tmp_path / "a", tmp_path / "b"], ReadOptions())]
    assert found == ["a/GaAs.cif", "GaAs.vasp", "NaCl", "a/t.csv", "b/GaAs.cif", "b/t.csv"]
    assert [r.id for r in records(tmp_path / "b", ReadOptions())] == ["GaAs", "t.csv"]


@pytest.mark.parametrize("kind", ["z.zip", "z.tar", "z.tar.gz"])
def test_members_of_an_archive_that_clash_get_their_ending_too(tmp_path, kind):
    members = {"GaAs.cif": "x", "GaAs.vasp": "x", "d/GaAs.cif": "x"}
    path = tmp_path / kind
    if kind == "z.zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in members.items():
                archive.writestr(name, text)
    else:
        with tarfile.open(path, "w:gz" if kind.endswith("gz") else "w") as archive:
            for name, text in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(text.encode())
                archive.addfile(info, io.BytesIO(text.encode()))
    found = [r.id for r in records(path, ReadOptions())]
    assert found == ["GaAs.cif", "GaAs.vasp", "d/GaAs"]
