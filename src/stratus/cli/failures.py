"""How a verb ends when something goes wrong: one sentence and an exit code."""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import typer

from stratus.errors import InputError, MissingExtraError, StratusError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

FAILED, WRONG_USAGE = 1, 2
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_HANGUP = getattr(signal, "SIGHUP", None)  # Windows has none
_STOPS = [each for each in (signal.SIGINT, signal.SIGTERM, _HANGUP) if each is not None]
_tracebacks = False


class Interrupted(BaseException):
    """A signal asked the program to stop."""

    def __init__(self, signal_number: int) -> None:
        self.signal_number = signal_number
        super().__init__(f"stopped by {signal.Signals(signal_number).name}")


def show_tracebacks(wanted: bool) -> None:
    """Show the traceback of errors, or only their sentence."""
    global _tracebacks  # noqa: PLW0603 - a switch of the program, set once
    _tracebacks = wanted


@contextmanager
def reported(hint: Callable[[], str] = str) -> Iterator[None]:
    """Turn errors and signals inside the block into a sentence on stderr and an exit code.

    Exit codes: 1 the work failed, 2 the input or the usage was wrong, 128 + n after signal n. Where
    nobody reads standard output any more (``| head``), it ends in silence, as after SIGPIPE.

    Args:
        hint: says what to do after an interruption.
    """
    try:
        with _signals_raise():
            yield
            if sys.stdout is not None:  # where a program without one calls a verb
                sys.stdout.flush()
    except Interrupted as stop:
        with suppress(OSError):  # the terminal itself may be gone
            typer.echo(f"{_word(stop.signal_number)}. {hint()}".rstrip(), err=True)
        raise typer.Exit(128 + stop.signal_number) from None
    except StratusError as error:
        if _tracebacks:
            raise
        typer.echo(f"Error: {error}", err=True)
        wrong = isinstance(error, InputError | MissingExtraError)
        raise typer.Exit(WRONG_USAGE if wrong else FAILED) from None
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads():
            _forget_output()
            raise typer.Exit(128 + signal.SIGPIPE) from None
        if _tracebacks:
            raise
        _report(error)
        raise typer.Exit(FAILED) from None


def _nobody_reads() -> bool:
    """Return whether standard output is a pipe without a reader; pipes of workers break too."""
    if sys.platform == "win32":  # has neither the signal nor poll
        return False
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):  # it is no file
        return False
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _forget_output() -> None:
    """Let what is still to be printed go nowhere; else Python fails once more when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report(error: Exception) -> None:
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        if error.filename is None:
            _forget_output()
        where = error.filename or "a file, or what standard output goes to"
        typer.echo(f"Error: {where}: {error.strerror}; make room and repeat", err=True)
        return
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    typer.echo(
        f"Error: unexpected {reason}. Run `stratus --debug ...` for the traceback and report it.",
        err=True,
    )


def _word(signal_number: int) -> str:
    return "Interrupted" if signal_number == signal.SIGINT else "Terminated"


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Let signals unwind the program, so that workers stop and drafts go; then restore.

    These are Ctrl-C, SIGTERM and, but under nohup, the end of the terminal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(signal_number: int, _frame: FrameType | None) -> None:
        for number in before:
            signal.signal(number, signal.SIG_IGN)  # once is enough: let it clean up
        raise Interrupted(signal_number)

    before = {number: signal.getsignal(number) for number in _STOPS}
    if before.get(_HANGUP) is signal.SIG_IGN:
        del before[_HANGUP]
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
