"""Folders and archives: everything is found, nothing escapes, nothing explodes."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile

import pytest

from stratus.crystals.entry import Code, Entry, Reject
from stratus.crystals.reading import ReadOptions, archives, read, records


def tar(files: dict[str, bytes], mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


@pytest.fixture
def files(cif) -> dict[str, bytes]:
    return {"b/K.cif": cif("K").encode(), "a.cif": cif("Na").encode()}


def test_a_folder_is_read_in_a_fixed_order_and_every_file_is_accounted_for(tmp_path, files):
    for name, data in {**files, "README.txt": b"hello", ".hidden.cif": b"x"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "lost.cif").symlink_to(tmp_path / "nowhere")
    (tmp_path / "self.cif").symlink_to(tmp_path / "self.cif")
    found = list(read(tmp_path))
    assert [r.id for r in found] == ["README.txt", "a", "b/K", "lost.cif", "self.cif"]
    assert [getattr(r, "code", None) for r in found] == [
        Code.NOT_A_STRUCTURE,
        None,
        None,
        Code.UNREADABLE,
        Code.UNREADABLE,
    ]


def test_a_folder_that_is_linked_to_is_read(tmp_path, files):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.cif").write_bytes(files["a.cif"])
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "link").symlink_to(tmp_path / "real")
    assert [e.id for e in read(tmp_path / "given")] == ["link/a"]


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("x.zip", zipped),
        ("x.tar", tar),
        ("x.tar.gz", lambda f: tar(f, "w:gz")),
        ("x.tgz", lambda f: gzip.compress(tar(f))),
        ("x.tar.bz2", lambda f: tar(f, "w:bz2")),
        ("x.tar.xz", lambda f: tar(f, "w:xz")),
    ],
)
def test_every_kind_of_archive_gives_its_members(tmp_path, files, name, pack):
    path = tmp_path / name
    path.write_bytes(pack(files))
    found = list(read(path))
    assert [e.id for e in found] == ["b/K", "a"]
    assert found[0].source == f"{path}!b/K.cif"


@pytest.mark.parametrize(
    ("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_compressed_files_are_read(tmp_path, cif, suffix, pack):
    path = tmp_path / f"NaCl.cif{suffix}"
    path.write_bytes(pack(cif("Na").encode()))
    assert [e.id for e in read(path)] == ["NaCl"]
    path.write_bytes(pack(cif("Na").encode())[:-20])
    assert [r.code for r in read(path)] == [Code.UNREADABLE]


def test_archives_inside_archives_and_folders_keep_their_name_in_the_ids(tmp_path, files):
    inner = zipped({"x.cif": files["a.cif"]})
    (tmp_path / "outer.tar.gz").write_bytes(tar({"in.zip": inner, **files}, "w:gz"))
    assert [e.id for e in read(tmp_path / "outer.tar.gz")] == ["in/x", "b/K", "a"]
    assert [e.id for e in read(tmp_path)] == ["outer/in/x", "outer/b/K", "outer/a"]


def test_archives_nested_too_deep_are_refused(tmp_path, files):
    data = zipped(files)
    for level in range(3):
        data = zipped({f"{level}.zip": data})
    (tmp_path / "deep.zip").write_bytes(data)
    assert [r.code for r in read(tmp_path / "deep.zip")] == [Code.UNSAFE_ARCHIVE]
    assert len(list(read(tmp_path / "deep.zip", max_archive_depth=4))) == 2


@pytest.mark.parametrize(
    "name", ["../evil.cif", "/etc/evil.cif", "a/../../e.cif", "C:/e.cif", "..\\e.cif"]
)
@pytest.mark.parametrize("pack", [zipped, tar])
def test_names_that_point_outside_are_refused_and_the_rest_is_read(tmp_path, files, name, pack):
    (tmp_path / "x.bin").write_bytes(pack({name: b"data_x", **files}))
    found = list(read(tmp_path / "x.bin"))
    assert [type(r) for r in found] == [Reject, Entry, Entry]
    assert found[0].code is Code.UNSAFE_ARCHIVE


def test_links_and_devices_are_refused(tmp_path):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo(f"{kind!r}.cif")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    (tmp_path / "x.tar").write_bytes(out.getvalue())
    assert [r.code for r in read(tmp_path / "x.tar")] == [Code.UNSAFE_ARCHIVE] * 4
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo("l.cif")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    (tmp_path / "x.zip").write_bytes(out.getvalue())
    assert [r.code for r in read(tmp_path / "x.zip")] == [Code.UNSAFE_ARCHIVE]


def test_bombs_are_refused_before_they_go_off(tmp_path, monkeypatch, files):
    monkeypatch.setattr(archives, "FREE_BYTES", 1 << 20)
    zeros = bytes(16 << 20)
    bombs = {
        "a.zip": zipped({"x.cif": zeros, **files}),
        "b.tar.gz": tar({"x.cif": zeros, **files}, "w:gz"),
        "c.csv.gz": gzip.compress(b"id,cif\n" + b"1,x\n" * (4 << 20)),
        "d.cif.bz2": bz2.compress(zeros),
        "e.json.xz": lzma.compress(b"[" + b" " * (16 << 20)),
    }
    for name, data in bombs.items():
        (tmp_path / name).write_bytes(data)
        found = [r for r in read(tmp_path / name) if isinstance(r, Reject)]
        assert found, name
        assert found[-1].code is Code.UNSAFE_ARCHIVE, (name, found[-1])


def test_a_member_above_the_limit_is_refused_and_the_others_are_read(tmp_path, files):
    (tmp_path / "x.zip").write_bytes(zipped({"big.cif": b"#" * (2 << 20), **files}))
    found = list(read(tmp_path / "x.zip", max_member_mib=1))
    assert [type(r) for r in found] == [Reject, Entry, Entry]


@pytest.mark.parametrize("pack", [zipped, tar, lambda f: tar(f, "w:gz")])
def test_an_archive_that_breaks_off_gives_what_came_before(tmp_path, cif, pack):
    import random

    rng = random.Random(0)
    many = {f"{i:03}.cif": f"{cif('Na')}# {rng.random()}\n".encode() for i in range(60)}
    data = pack(many)
    (tmp_path / "x.bin").write_bytes(data[: len(data) // 2])
    found = list(read(tmp_path / "x.bin"))
    assert isinstance(found[-1], Reject)
    assert found[-1].code is Code.UNREADABLE
    if pack is not zipped:  # the list of a zip stands at its end
        assert 10 < len(found) < 40


def test_a_file_that_is_not_what_its_name_says_is_a_reject(tmp_path):
    for name in ("x.zip", "x.tar", "x.tar.gz", "x.cif.gz", "x.parquet", "x.db", "x.json.xz"):
        (tmp_path / name).write_bytes(b"this is not it at all" * 60)
        found = list(read(tmp_path / name))
        assert [r.code for r in found] == [Code.UNREADABLE], (name, found)


def test_nothing_is_written_anywhere(tmp_path, files, monkeypatch):
    (tmp_path / "x.zip").write_bytes(zipped(files))
    monkeypatch.setattr(tarfile.TarFile, "extractall", None)
    monkeypatch.setattr(zipfile.ZipFile, "extractall", None)
    before = sorted(tmp_path.rglob("*"))
    list(read(tmp_path))
    assert sorted(tmp_path.rglob("*")) == before


def test_finding_is_lazy(tmp_path, files):
    (tmp_path / "x.tar").write_bytes(tar(files))
    found = records(tmp_path / "x.tar", ReadOptions())
    assert next(found).id == "b/K"
    found.close()
