"""``stratus show``: one crystal explained to a person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stratus.cli.failures import reported

if TYPE_CHECKING:
    from stratus.cli.console import Console
    from stratus.crystals.entry import Entry
    from stratus.scope import Scope, ScopeOptions


def show(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="A file that holds crystals; - reads standard input."),
    ],
    symprec: Annotated[float, typer.Option(help="Symmetry tolerance, in Å.")] = 0.01,
    backend: Annotated[str, typer.Option(help="moyopy or spglib.")] = "moyopy",
    entry_id: Annotated[
        str | None, typer.Option("--id", help="Which crystal, when the file holds several.")
    ] = None,
) -> None:
    """Explain one crystal in words.

    Space group, generators, orbits, composition and tokens.
    """
    with reported():
        from stratus.cli.console import Console
        from stratus.crystals.symmetry import Backend
        from stratus.errors import InputError
        from stratus.scope import Scope, ScopeOptions, encode

        if backend not in set(Backend):
            raise InputError(f"there is no backend {backend!r}; choose moyopy or spglib")
        options = ScopeOptions(symprec=symprec, backend=Backend(backend))
        entry = _choose(file, entry_id)
        scope = encode(entry, options)
        if isinstance(scope, Scope):
            _print(Console(highlight=False), entry, scope, options)


def _choose(file: str, entry_id: str | None) -> Entry:
    from stratus.crystals.entry import Entry
    from stratus.crystals.reading import read
    from stratus.errors import InputError

    known: list[str] = []
    chosen: list[Entry] = []
    for outcome in read(file if file == "-" else Path(file)):
        known.append(outcome.id)
        if entry_id is not None and outcome.id != entry_id:
            continue
        if not isinstance(outcome, Entry):
            raise InputError(f"{outcome.source}: {outcome.detail} ({outcome.code})")
        chosen.append(outcome)
        if entry_id is not None or len(chosen) > 1:
            break
    if len(chosen) == 1:
        return chosen[0]
    if chosen:
        raise InputError(
            f"{file} holds several crystals ({', '.join(known)}, ...); say which with --id"
        )
    from difflib import get_close_matches

    near = get_close_matches(entry_id or "", known) or known[:3]
    held = f"it holds {', '.join(near)}" if known else "it holds no crystal at all"
    raise InputError(f"{file} holds no crystal {entry_id!r}; {held}")


def _print(console: Console, entry: Entry, scope: Scope, options: ScopeOptions) -> None:
    from rich.markup import escape
    from rich.table import Table

    from stratus.crystals.spacegroups import space_group
    from stratus.crystals.wyckoff import wyckoff_positions
    from stratus.scope import vocabulary
    from stratus.scope.explain import generators_in_words

    group = space_group(scope.space_group)
    name, source = escape(entry.id or scope.formula), escape(entry.source)
    console.print(f"[bold]{name}[/bold]  {scope.formula}  ({source})")
    console.print(
        f"Space group {group.number}, {group.symbol}, {group.crystal_system}; "
        f"{scope.n_atoms} atoms in the primitive cell, {len(entry)} in the cell as given"
    )
    console.print(
        f"found by {options.backend} {options.backend.version} at symprec {options.symprec:g} Å\n"
    )
    generators = Table("token", "what it does", title="Generators", title_justify="left")
    for token, meaning in generators_in_words(group):
        generators.add_row(token, meaning)
    console.print(generators)
    positions = wyckoff_positions(group.number)
    orbits = Table(
        "element", "Wyckoff", "site symmetry", "a site of it", title="Orbits", title_justify="left"
    )
    for orbit in scope.orbits:
        position = positions[orbit.letter]
        orbits.add_row(orbit.element, orbit.wyckoff, position.site_symmetry, position.coordinates)
    console.print(orbits)
    console.print("Letters are those of the canonical assignment; see the documentation.")
    amounts = ", ".join(f"{amount} {symbol}" for symbol, amount in scope.composition)
    console.print(f"\n[bold]Composition[/bold]  {amounts}")
    for note in entry.notes:
        console.print(f"[yellow]Note[/yellow]  {escape(note)}")
    text = str(scope)
    words = vocabulary()
    colours = {
        "separator": "dim",
        "inversion": "cyan",
        "generator": "cyan",
        "origin": "cyan",
        "wyckoff": "green",
        "element": "magenta",
        "number": "yellow",
    }
    tokens = " ".join(f"[{colours[words.role(t)]}]{t}[/]" for t in text.split(" "))
    console.print(f"\n[bold]SCOPE[/bold]  {len(text.split(' '))} tokens", soft_wrap=True)
    console.print(tokens, soft_wrap=True)
