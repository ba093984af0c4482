"""What a file's name says about its content."""

from __future__ import annotations

from dataclasses import dataclass

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
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xyz": "extxyz",
    ".extxyz": "extxyz",
    ".db": "asedb",
    ".traj": "traj",
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
    """

    stem: str
    format: str | None
    compression: str | None


def take_apart(path: str) -> Name:
    """Return what a path with ``/`` between its parts says: ``a/NaCl.cif.gz`` is ``a/NaCl``.

    A POSCAR or CONTCAR keeps its name, since its folder is often all that tells it from others.
    """
    folder, slash, file = path.rpartition("/")
    compression = None
    stem, suffix = _split(file)
    if suffix in _TAR_SHORT:
        return Name(folder + slash + stem, "tar", COMPRESSIONS[_TAR_SHORT[suffix]])
    if suffix in COMPRESSIONS:
        compression, file = COMPRESSIONS[suffix], stem
        stem, suffix = _split(file)
    if suffix in _BY_SUFFIX:
        return Name(folder + slash + stem, _BY_SUFFIX[suffix], compression)
    if file.upper().startswith(_POSCAR_NAMES):
        return Name(folder + slash + file, "poscar", compression)
    return Name(folder + slash + file, None, compression)


def _split(file: str) -> tuple[str, str]:
    stem, dot, suffix = file.rpartition(".")
    return (stem, f".{suffix.lower()}") if dot and stem else (file, "")
