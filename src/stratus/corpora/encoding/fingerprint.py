"""What a run depends on, so that it is taken up again only with the same inputs and options."""

from __future__ import annotations

import hashlib
import os
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratus.errors import InputError, ResumeError
from stratus.files.text import writable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stratus.corpora.encoding.options import EncodeOptions

STANDARD_INPUT = "-"
_HINT = "repeat the command as it was, or delete the parts and start anew"


def run_fingerprint(inputs: Sequence[object], options: EncodeOptions) -> dict[str, Any]:
    """Return inputs, options and versions of a run as plain JSON values.

    Raises:
        stratus.errors.InputError: an input does not exist or cannot be looked at.
    """
    import pyarrow as pa

    return {
        "inputs": [_describe(item) for item in inputs],
        "options": options.fingerprint(),
        "versions": {
            "stratus": version("stratus-crystals"),
            "pyarrow": pa.__version__,
            **_of_strings(options),
        },
    }


def _of_strings(options: EncodeOptions) -> dict[str, Any]:
    """Return the versions on which strings depend, where some are kept."""
    if options.scope is None:
        return {}
    from stratus.scope import provenance

    made_with = provenance(options.scope)
    return {name: made_with[name] for name in ("scope_version", "backend_version")}


def require_same(stored: Mapping[str, Any], now: Mapping[str, Any], where: Path) -> None:
    """Compare the run that was begun with the one that wants to go on.

    Raises:
        stratus.errors.ResumeError: they differ, or the inputs cannot be compared; says in what.
    """
    for item in now["inputs"]:
        if item["kind"] in {"standard input", "objects in memory"}:
            raise ResumeError(
                f"{where} cannot be resumed: {item['kind']} cannot be read a second time"
            )
    differences = [
        d
        for key in ("inputs", "options", "versions")
        for d in _differences(stored.get(key), now[key], key)
    ]
    if differences:
        more = f" and {len(differences) - 3} more" if len(differences) > 3 else ""
        raise ResumeError(
            f"{where} belongs to another run: {'; '.join(differences[:3])}{more}; {_HINT}"
        )


def _differences(stored: Any, now: Any, name: str) -> Iterator[str]:
    if isinstance(stored, dict) and isinstance(now, dict):
        for key in sorted({*stored, *now}):
            yield from _differences(stored.get(key), now.get(key), f"{name}.{key}")
    elif isinstance(stored, list) and isinstance(now, list) and len(stored) == len(now):
        for before, after in zip(stored, now, strict=True):
            what = after.get("path", name) if isinstance(after, dict) else name
            yield from _differences(before, after, f"{name} {what}")
    elif stored != now:
        yield f"{name} was {_short(stored)}, is {_short(now)}"


def _short(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} of them"
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _describe(item: object) -> dict[str, Any]:
    if isinstance(item, str) and item == STANDARD_INPUT:
        return {"kind": "standard input"}
    if not isinstance(item, str | os.PathLike):
        return {"kind": "objects in memory"}
    path = Path(item)
    name = writable(str(path))
    try:
        status = path.stat()
        if path.is_dir():
            files, listing = _listing(path)
            return {"kind": "directory", "path": name, "files": files, "listing": listing}
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; check the path") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if not os.access(path, os.R_OK):
        raise InputError(f"{path} cannot be read: permission denied")
    return {
        "kind": "file",
        "path": name,
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
    }


def _listing(folder: Path) -> tuple[int, str]:
    """Return the number of files below a folder and a digest of their names, sizes and times."""
    digest, files = hashlib.sha256(), 0
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(root, name)
            status = path.lstat()
            line = f"{path.relative_to(folder)}\0{status.st_size}\0{status.st_mtime_ns}\n"
            digest.update(line.encode("utf-8", "surrogateescape"))
            files += 1
    return files, digest.hexdigest()
