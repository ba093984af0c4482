"""What a file's name says about its content."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field

from stratus.crystals.reading.poscar import looks_like_poscar
from stratus.crystals.reading.table_text import decoded, encoding_of, table_text

COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz"}

_BY_SUFFIX = {
    ".cif": "cif",
    ".mcif": "cif",
    ".mmcif": "cif",
    ".vasp": "poscar",
    ".poscar": "poscar",
    ".contcar": "poscar",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".xls": "sheet",
    ".xlsb": "sheet",
    ".ods": "sheet",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xyz": "extxyz",
    ".extxyz": "extxyz",
    ".db": "asedb",
    ".traj": "traj",
    ".aselmdb": "lmdb",
    ".lmdb": "lmdb",
    ".mdb": "lmdb",
    ".zip": "zip",
    ".tar": "tar",
}
_TAR_SHORT = {".tgz": ".gz", ".tbz2": ".bz2", ".tbz": ".bz2", ".txz": ".xz"}
_POSCAR_NAMES = ("POSCAR", "CONTCAR")


@dataclass(frozen=True, slots=True)
class Name:
    """A file's name, taken apart.

    Attributes:
        stem: the path without what says its format: the id of its crystal.
        format: a key of the parser or container tables, ``None`` where the name does not say.
        compression: ``gzip``, ``bz2``, ``xz`` or ``None``.
        file: the whole path; what the ids of rows of a table begin with.
    """

    stem: str
    format: str | None
    compression: str | None
    file: str = field(default="", compare=False)


def take_apart(path: str) -> Name:
    """Return what a path with ``/`` between its parts says: ``a/NaCl.cif.gz`` is ``a/NaCl``.

    A POSCAR or CONTCAR keeps its name, since its folder is often all that tells it from others.
    """
    folder, slash, file = path.rpartition("/")
    compression = None
    stem, suffix = _split(file)
    if suffix in _TAR_SHORT:
        return Name(folder + slash + stem, "tar", COMPRESSIONS[_TAR_SHORT[suffix]], path)
    if suffix in COMPRESSIONS:
        compression, file = COMPRESSIONS[suffix], stem
        stem, suffix = _split(file)
    if suffix in _BY_SUFFIX:
        return Name(folder + slash + stem, _BY_SUFFIX[suffix], compression, path)
    if file.upper().startswith(_POSCAR_NAMES):
        return Name(folder + slash + file, "poscar", compression, path)
    return Name(folder + slash + file, None, compression, path)


def _split(file: str) -> tuple[str, str]:
    stem, dot, suffix = file.rpartition(".")
    return (stem, f".{suffix.lower()}") if dot and stem else (file, "")


def sniff(head: bytes) -> str | None:  # noqa: PLR0911 - one return for each format
    """Return the format of a file from its first bytes, ``None`` where they do not say.

    Args:
        head: the first 64 KiB, or all there is.
    """
    for magic, format_ in _MAGIC:
        if head.startswith(magic):
            return format_
    if head[257:262] == b"ustar":
        return "tar"
    if head[16:20] == b"\xde\xc0\xef\xbe":
        return "lmdb"
    encoding = encoding_of(head)
    if encoding.startswith(("utf-16", "utf-32")):
        head = decoded(head, encoding).encode()
    head = head.removeprefix(codecs.BOM_UTF8)
    text = head.lstrip()
    if not text or b"\0" in text[:512]:
        return None
    if text[:1] in {b"{", b"["}:
        first, _, rest = text.partition(b"\n")
        follows = rest.lstrip()[:1]
        return "jsonl" if first.rstrip().endswith(b"}") and follows == b"{" else "json"
    lower = text.lower()
    if lower.startswith((b"data_", b"#\\#cif")) or b"\ndata_" in lower or b"\rdata_" in lower:
        first_line = text.split(b"\n", 1)[0]
        if not (b"," in first_line and not lower.startswith((b"data_", b"#"))):
            return "cif"
    lines = head.decode("utf-8", errors="replace").splitlines()
    if len(lines) > 1 and lines[0].strip().isdigit() and "lattice" in lines[1].lower():
        return "extxyz"
    if looks_like_poscar("\n".join(lines[:8])):
        return "poscar"
    return _table(head, lines[0]) if lines else None


def _table(head: bytes, first_line: str) -> str | None:
    """Return what kind of table a text is, if its header has a separator."""
    separator = table_text(head).separator
    if separator not in first_line:
        return None
    return "tsv" if separator == "\t" else "csv"


_MAGIC = (
    (b"PAR1", "parquet"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"SQLite format 3", "asedb"),
    (b"- of Ulm", "traj"),
)
