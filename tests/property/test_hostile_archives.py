"""Archives that somebody made to do harm: what is good in them is read, the rest is a reject."""

from __future__ import annotations

import gzip
import io
import random
import struct
import tarfile
import time
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratus.crystals.entry import Code, Entry, Reject
from stratus.crystals.reading import ReadOptions, read, records
from stratus.crystals.reading.tape import MOST_HEADER, Tape, tar_headers

POSCAR = b"salt\n4.0\n1 0 0\n0 1 0\n0 0 1\nCs Cl\n1 1\nDirect\n0 0 0\n.5 .5 .5\n"
LONGEST_S = 10.0


def header(name: bytes, size: bytes | int, kind: bytes = b"0", link: bytes = b"") -> bytes:
    """Return the header of a tar as it should not be: with any bytes for the size."""
    block = bytearray(512)
    block[: len(name)] = name
    block[100:124] = b"0000644\0" + b"0000000\0" * 2
    block[124:136] = b"%011o\0" % size if isinstance(size, int) else size.ljust(12, b"\0")[:12]
    block[136:148] = b"00000000000\0"
    block[156:157] = kind
    block[157 : 157 + len(link)] = link
    block[257:265] = b"ustar\x0000"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 512)


def member(name: bytes = b"a.vasp", data: bytes = POSCAR) -> bytes:
    return header(name, len(data)) + padded(data)


END = b"\0" * 1024


def negative(number: int) -> bytes:
    return b"\xff" + (number & ((1 << 88) - 1)).to_bytes(11, "big")


def outcomes(data: bytes, tmp_path, name: str = "x.tar") -> list[Entry | Reject]:
    """Return what is read of an archive; it must be quick, and every reject has its sentence."""
    path = tmp_path / name
    path.write_bytes(data)
    started = time.monotonic()
    found = list(read(path))
    assert time.monotonic() - started < LONGEST_S
    for one in found:
        if isinstance(one, Reject):
            assert one.detail
            assert "\n" not in one.detail
    return found


def pax(*records: bytes) -> bytes:
    body = b"".join(records)
    return header(b"p", len(body), b"x") + padded(body)


def record(key: bytes, value: bytes) -> bytes:
    size = len(key) + len(value) + 3
    while len(b"%d" % size) + len(key) + len(value) + 3 != size:
        size = len(b"%d" % size) + len(key) + len(value) + 3
    return b"%d %s=%s\n" % (size, key, value)


HOSTILE = {
    "a negative size": header(b"b.vasp", negative(-512)),
    "a negative size of a folder": header(b"b.vasp", negative(-1024), b"5"),
    "a negative size of a link": header(b"b.vasp", negative(-(2**80)), b"2"),
    "a size beyond everything": header(b"b.vasp", b"\x80" + b"\xff" * 11),
    "a size that is none": header(b"b.vasp", b"zzz"),
    "digits in a long header": header(b"p", 3_000_000, b"x") + padded(b"1" * 3_000_000),
    "digits in a short header": header(b"p", 30_000, b"x") + padded(b"1" * 30_000),
    "digits that are apart": header(b"p", 30_000, b"x") + padded(b"2 " * 15_000),
    "digits for all that follows": header(b"p", 30_000, b"g") + padded(b"1" * 30_000),
    "a long name without end": header(b"././@LongLink", 2**33, b"L") + b"a" * 5000,
    "a long name of megabytes": header(b"././@LongLink", 2**21, b"L") + b"a" * 2**21,
    "a negative pax size": pax(record(b"size", b"-512")) + member(),
    "a pax size of many digits": pax(record(b"size", b"9" * 5000)) + member(),
    "a pax length of many digits": pax(b"9" * 5000 + b" a=b\n") + member(),
    "a pax length of nothing": pax(b"0 a=b\n") + member(),
    "a pax header without a member": pax(record(b"path", b"b")),
    "pax headers in a chain": pax(record(b"a", b"b")) * 500 + member(),
    "long names in a chain": (header(b"././@LongLink", 512, b"L") + b"n" * 512) * 500 + member(),
    "a sparse map of nonsense": pax(
        record(b"GNU.sparse.major", b"1"), record(b"GNU.sparse.minor", b"0"),
        record(b"GNU.sparse.size", b"-1"),
    ) + member(data=b"9" * 512),
    "a sparse map without end": pax(
        record(b"GNU.sparse.major", b"1"), record(b"GNU.sparse.minor", b"0"),
    ) + member(data=b"999999999\n" + b"1\n" * 100_000),
    "a sparse map in the header": pax(record(b"GNU.sparse.map", b"0,x,")) + member(),
    "a sparse file": header(b"b.vasp", 512, b"S") + b"\0" * 512,
    "a link": header(b"b.vasp", 0, b"2", b"/etc/passwd"),
    "a device": header(b"b.vasp", 0, b"3"),
    "a pipe": header(b"b.vasp", 0, b"6"),
    "a socket of solaris": header(b"b.vasp", 0, b"~"),
    "no header": b"nonsense" * 64,
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["tar", "tar.gz"])
def test_a_hostile_header_costs_what_stands_behind_it_at_most(tmp_path, what, pack):
    name = "x.tar" if pack is bytes else "x.tar.gz"
    found = outcomes(pack(member() + HOSTILE[what] + END), tmp_path, name)
    assert isinstance(found[0], Entry), "what came before is read"
    if not what.startswith(("pax headers", "digits for", "a pax length of nothing")):
        assert any(isinstance(one, Reject) for one in found), "what is not read is named"
    alone = outcomes(pack(HOSTILE[what] + END), tmp_path, name)
    assert alone, "an archive of which nothing is read is a reject"


def test_a_header_that_is_damaged_does_not_hide_what_stands_behind_it(tmp_path):
    broken = bytearray(member(b"b.vasp"))
    broken[0] ^= 1  # its checksum is another now
    found = outcomes(member() + bytes(broken) + member(b"c.vasp") + END, tmp_path)
    assert [type(one) for one in found] == [Entry, Reject]
    assert "no header stands at byte 1,024" in found[1].detail
    found = outcomes(member() + END + member(b"c.vasp") + END, tmp_path)
    assert [type(one) for one in found] == [Entry, Reject]
    assert "goes on behind its end mark" in found[1].detail


def test_the_time_of_a_header_is_counted(monkeypatch):
    clock = iter(range(0, 10_000, 7))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    slow = io.BytesIO(header(b"././@LongLink", 512, b"L") + b"n" * 512 + member() + END)
    with pytest.raises(Exception, match="took longer than 10 s"):
        list(tar_headers(Tape(slow, timeout_s=10)))


def test_long_names_and_many_attributes_are_still_read(tmp_path):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("n" * 200 + "/" + "é" * 100 + "/a.vasp")
        info.size = len(POSCAR)
        info.pax_headers = {f"SCHILY.xattr.user.{n}": "v" * 500 for n in range(20)}
        archive.addfile(info, io.BytesIO(POSCAR))
    out.seek(0)
    with tarfile.open(fileobj=out, mode="a", format=tarfile.GNU_FORMAT) as archive:
        info = tarfile.TarInfo("m" * 3000 + "/a.vasp")
        info.size = len(POSCAR)
        archive.addfile(info, io.BytesIO(POSCAR))
    found = outcomes(out.getvalue(), tmp_path)
    assert [len(one.id) for one in found] == [303, 3002]
    assert all(isinstance(one, Entry) for one in found)
    assert MOST_HEADER > 20 * 500 + 400


FIELDS = [(0, 100), (124, 12), (124, 1), (156, 1), (157, 100), (0, 512)]


def test_mutated_tars_end_in_entries_and_rejects(tmp_path):
    rng = random.Random(7)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in ("a.vasp", "é" * 60 + ".vasp", "b" * 120 + ".vasp"):
            info = tarfile.TarInfo(name)
            info.size = len(POSCAR)
            archive.addfile(info, io.BytesIO(POSCAR))
    whole = out.getvalue()[: 512 * 14]
    assert len(outcomes(whole, tmp_path)) == 3
    kinds = [*b"0123456789xgLKSD~X"]
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 5)):
            at = rng.randrange(len(data) // 512) * 512
            place, size = rng.choice(FIELDS)
            if rng.random() < 0.3:
                same = rng.choice([b"1", b"\xff", b" ", b"="])
                data[at + place : at + place + size] = same * size
            elif rng.random() < 0.3:
                data[at + 156] = rng.choice(kinds)
            else:
                data[at + rng.randrange(512)] = rng.randrange(256)
            data[at + 148 : at + 156] = b" " * 8
            data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])
        if rng.random() < 0.2:
            del data[rng.randrange(len(data)) :]
        assert outcomes(bytes(data), tmp_path), "nothing at all was said"


# --------------------------------------------------------------------------------------------- zip


def zipped(files: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6),
    st.sampled_from([zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2]),
    st.integers(0, 40),
)
def test_mutated_zips_end_in_entries_and_rejects(tmp_path_factory, changes, how, cut):
    data = bytearray(zipped({"é.vasp": POSCAR, "b/c.vasp": POSCAR}, how))
    for share, byte in changes:
        data[min(int(share * len(data)), len(data) - 1)] = byte
    if cut == 0:
        del data[-30:]
    found = outcomes(bytes(data), tmp_path_factory.getbasetemp(), "x.zip")
    assert found


def test_a_zip_whose_members_overlap_is_stopped_where_a_bomb_is(tmp_path, monkeypatch):
    """David Fifield's: many entries of the list stand for the same bytes."""
    from stratus.crystals.reading import archives

    monkeypatch.setattr(archives, "FREE_BYTES", 1 << 20)
    raw = zlib.compressobj(9, zlib.DEFLATED, -15)
    kernel = raw.compress(b" " * (1 << 20)) + raw.flush()
    crc = zlib.crc32(b" " * (1 << 20))
    name = b"a.vasp"
    local = struct.pack(
        "<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 8, 0, 0, crc, len(kernel), 1 << 20, len(name), 0
    )
    entry = struct.pack(
        "<4sHHHHHHIIIHHHHHII", b"PK\1\2", 20, 20, 0, 8, 0, 0, crc, len(kernel), 1 << 20,
        len(name), 0, 0, 0, 0, 0, 0,
    )  # fmt: skip
    content = local + name + kernel
    listing = (entry + name) * 5000
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 5000, 5000, len(listing), len(content), 0)
    found = outcomes(content + listing + end, tmp_path, "x.zip")
    assert found[-1].code is Code.UNSAFE_ARCHIVE
    assert len(found) < 1000
    spent = sum(1 for _ in records(tmp_path / "x.zip", ReadOptions()))
    assert spent == len(found)
