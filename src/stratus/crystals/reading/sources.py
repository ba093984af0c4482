"""Find the crystals in inputs, in a fixed order, without parsing them."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from stratus.crystals.entry import Code, Reject
from stratus.crystals.reading.archives import looked_into
from stratus.crystals.reading.containers import ON_DISK, Found, by_content, opened
from stratus.crystals.reading.file_names import FileNames, Listed
from stratus.crystals.reading.formats import Name, sniff
from stratus.crystals.reading.lmdb_store import is_lock
from stratus.crystals.reading.record import Record
from stratus.crystals.reading.refusal import Refusal
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from stratus.crystals.reading.record import ReadOptions

_LOG = logging.getLogger(__name__)

STDIN = "-"
_SNIFFED = 1 << 16
_DEEPEST = 100
_LONGEST_PATH = 4096


def records(
    inputs: Any,
    options: ReadOptions,
    stdin: BinaryIO | None = None,
    names: FileNames | None = None,
) -> Iterator[Record | Reject]:
    """Return what the inputs hold, in order; a folder's files by name, folders inside included.

    Hidden files are passed over, with a line in the log. A file in a folder or archive that is of
    no known kind is a reject, so that whatever is there is either read or named.

    Args:
        inputs: paths, ``"-"`` for standard input, pymatgen structures, ASE atoms; one or many.
        options: how to read.
        stdin: what ``"-"`` reads.
        names: what files are called, where these inputs are some of many; else those of the inputs
            alone, if they are a list.

    Raises:
        InputError: an input does not exist or is of no known kind, at the call; a column that the
            options name is missing in a table, when the table is reached.
    """
    if isinstance(inputs, (str, Path)) or is_pymatgen(inputs) or is_ase(inputs):
        inputs = [inputs]
    try:
        found = list(inputs) if not hasattr(inputs, "__next__") else inputs
    except TypeError:
        raise InputError(f"{inputs!r} is no path, structure or list of them") from None
    if isinstance(found, list):
        for item in found:
            _admit(item, stdin)
        names = names or file_names(found)
    return _all(found, options, stdin, names or FileNames(tuple))


def file_names(inputs: Sequence[Any]) -> FileNames:
    """Return what the files of some inputs are called, whose listing is read when it is needed.

    Args:
        inputs: what :func:`records` takes; all but paths of what is there are passed over.
    """

    def listing() -> Iterator[Listed]:
        for item in inputs:
            if not isinstance(item, (str, Path)) or item == STDIN or not is_path(str(item)):
                continue
            path = Path(item)
            if path.is_dir():
                for found in _walk(path, "", (path.resolve(),)):
                    if found.refusal is None:
                        yield Listed(str(path), found.shown)
            else:
                yield Listed(str(path.parent), path.name)

    return FileNames(listing)


def is_path(text: str) -> bool:
    """Return whether a text is the path of something that is there."""
    try:
        return len(text) <= _LONGEST_PATH and Path(text).exists()
    except (OSError, ValueError):  # no file can be called so
        return False


def _admit(item: Any, stdin: BinaryIO | None) -> None:
    if isinstance(item, str) and item == STDIN:
        if stdin is None:
            raise InputError("'-' reads standard input, but none was given")
    elif isinstance(item, (str, Path)):
        if not Path(item).exists():
            raise InputError(f"{item} does not exist")
    elif not (is_pymatgen(item) or is_ase(item)):
        raise InputError(f"a {type(item).__name__} is no path, pymatgen Structure or ASE Atoms")


def _all(
    inputs: Iterable[Any], options: ReadOptions, stdin: BinaryIO | None, names: FileNames
) -> Iterator[Record | Reject]:
    for position, item in enumerate(inputs):
        _admit(item, stdin)
        if isinstance(item, str) and item == STDIN:
            if stdin is not None:
                yield from _standard_input(stdin, options)
        elif is_pymatgen(item):
            yield Record(str(position), f"input {position}", "structure", item)
        elif is_ase(item):
            yield Record(str(position), f"input {position}", "atoms", item)
        else:
            path = Path(item)
            if path.is_dir():
                for found in _walk(path, "", (path.resolve(),), log=True):
                    if found.refusal is not None:
                        yield found.refusal.reject(found.shown, str(found.path))
                        continue
                    name = names.of(Listed(str(path), found.shown))
                    yield from _file(found.path, name, options, inside=True)
            else:
                name = names.of(Listed(str(path.parent), path.name))
                yield from _file(path, name, options, inside=False)


class _Met(NamedTuple):
    """Something in a folder.

    Attributes:
        path: where it is.
        shown: its path in ids.
        refusal: why it is not read, if it is not.
    """

    path: Path
    shown: str
    refusal: Refusal | None = None


def _walk(
    folder: Path, shown: str, above: tuple[Path, ...], *, log: bool = False
) -> Iterator[_Met]:
    """Yield what a folder holds; ``shown`` is its path in ids, ``above`` the folders it is in."""
    try:
        with os.scandir(folder) as listing:  # knows files from folders without asking for each
            items = sorted(listing, key=lambda item: item.name)
    except OSError as error:
        refusal = Refusal(Code.UNREADABLE, f"the folder cannot be read: {error.strerror}")
        yield _Met(folder, shown.rstrip("/"), refusal)
        return
    for item in items:
        path, name = folder / item.name, shown + item.name
        if item.name.startswith(".") or is_lock(item.name):
            if log:
                _LOG.info("passed over the hidden %s", path)
        elif _is(item.is_dir):
            inside = path.resolve()
            if len(above) > _DEEPEST:
                detail = f"it is more than {_DEEPEST} folders deep; name a folder further down"
                yield _Met(path, name, Refusal(Code.UNREADABLE, detail))
            elif inside not in above:
                yield from _walk(path, f"{name}/", (*above, inside), log=log)
            elif log:
                _LOG.warning("passed over %s, a link to a folder that it is in", path)
        elif _is(item.is_file):
            yield _Met(path, name)
        else:
            refusal = Refusal(Code.UNREADABLE, "it is no plain file, or a link to nothing")
            yield _Met(path, name, refusal)


def _is(kind: Callable[[], bool]) -> bool:
    try:
        return kind()
    except OSError:  # a link that leads to itself is neither file nor folder
        return False


def _file(
    path: Path, name: Name, options: ReadOptions, *, inside: bool
) -> Iterator[Record | Reject]:
    source = str(path)
    try:
        if not path.is_file():  # a pipe or a device: opening it may wait for ever
            raise Refusal(
                Code.UNREADABLE, "it is no plain file; give - for what another program writes"
            )
        if name.format in ON_DISK:
            yield Record(name.stem, source, str(name.format), path)
            return
        if not inside:
            name = by_content(path, name)
        with path.open("rb") as stream:
            found = Found(name, source, stream, path.stat().st_size, path, prefix=inside, disk=path)
            yield from opened(found, options)
    except Refusal as refusal:
        yield refusal.reject(name.stem, source)
    except OSError as error:
        yield Refusal(Code.UNREADABLE, f"the file cannot be read: {error.strerror}").reject(
            name.stem, source
        )


def _standard_input(stdin: BinaryIO, options: ReadOptions) -> Iterator[Record | Reject]:
    try:
        head, stream = looked_into(stdin, _SNIFFED)
        name = Name("stdin", sniff(head), None)
        yield from opened(Found(name, "stdin", stream, 1 << 62, None), options)
    except Refusal as refusal:
        yield refusal.reject("stdin", "stdin")


def is_pymatgen(item: Any) -> bool:
    """Return whether an object is a structure of pymatgen, found by what it has."""
    return hasattr(item, "lattice") and hasattr(item, "sites") and hasattr(item, "frac_coords")


def is_ase(item: Any) -> bool:
    """Return whether an object is an ``Atoms`` of ASE, found by what it has."""
    return hasattr(item, "get_scaled_positions") and hasattr(item, "get_atomic_numbers")
