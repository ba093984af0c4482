"""What would stop a run after hours of work is found out before it begins."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from stratus.errors import InputError
from stratus.files.text import writable

if TYPE_CHECKING:
    from collections.abc import Sequence

_SUFFIXES = (".parquet", ".csv")


def check_output(output: Path, rejects: Path) -> None:
    """Find out before the work what would stop it after.

    Raises:
        stratus.errors.InputError: the output cannot be written.
    """
    if output.suffix not in _SUFFIXES:
        raise InputError(f"{output} must end in .parquet or .csv")
    if output == rejects:
        raise InputError(
            f"{output} cannot hold both the table and the rejects; name another file for one"
        )
    for path in (output, rejects):
        check_place(path)
        if writable(str(path)) != str(path):  # Arrow opens no such file
            raise InputError(f"{path} has a name that is no UTF-8; choose another one")


def check_place(path: Path) -> None:
    """Find out whether a file can be written.

    Raises:
        stratus.errors.InputError: it is a folder, or its folder is not there or not writable.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise InputError(f"The folder {path.parent} does not exist; make it first")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"The folder {path.parent} cannot be written; choose another place")


def check_apart(inputs: Sequence[object], *outputs: Path) -> None:
    """Keep a run from reading what it writes.

    Raises:
        stratus.errors.InputError: an output is an input, or lies in a folder that is one.
    """
    for item in inputs:
        if not isinstance(item, str | os.PathLike):
            continue
        source = Path(item).resolve()
        for output in outputs:
            if output.resolve() == source:
                raise InputError(f"{output} is an input too; name another output")
            if source in output.resolve().parents:
                raise InputError(f"{output} lies in the input folder {item}; write it elsewhere")
