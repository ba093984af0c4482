"""``stratus fetch``: crystals from providers and published files, as tables with a card."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from stratus.cli.failures import reported
from stratus.cli.flags import MaxAtoms, Progress, Quiet, Resume, Stress, made, read_flags

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stratus.corpora.sources.catalogue import CatalogueFile, CatalogueSet
    from stratus.corpora.sources.collect import CollectOptions
    from stratus.corpora.sources.rate_limit import PoliteClient, PoliteOptions
    from stratus.corpora.sources.source import Source


SETS: Final = ("matbench", "matbench-discovery", "jarvis", "alexandria", "lemat-bulk")
"""The sets of the catalogue, which is not read before one is asked for."""

app = typer.Typer(
    name="fetch",
    help="Fetch crystals from providers and published files.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to write to.")
]
_Fields = Annotated[
    list[str] | None,
    typer.Option("--field", metavar="NAME", help="One more property, as a label; repeat it."),
]
_MaxRows = Annotated[int | None, typer.Option(metavar="N", help="Crystals after which to stop.")]
_Delay = Annotated[
    float, typer.Option(metavar="SECONDS", help="Shortest time between two requests.")
]
_Timeout = Annotated[float, typer.Option(metavar="SECONDS", help="Longest silence of a server.")]
_Attempts = Annotated[int, typer.Option(metavar="N", help="How often one request is tried.")]
_KEPT = "What is done is kept; go on with the same command and --resume."


@app.command()
def optimade(  # noqa: PLR0917 - one parameter for each flag
    databases: Annotated[
        list[str],
        typer.Argument(
            metavar="DATABASE...", help="Addresses of OPTIMADE databases, or ids of providers."
        ),
    ],
    output: _Output,
    filter: Annotated[  # noqa: A002 - the flag's name
        str, typer.Option(metavar="FILTER", help="Which structures, as an OPTIMADE filter.")
    ] = "",
    field: _Fields = None,
    page: Annotated[int, typer.Option(metavar="N", help="Structures a page.")] = 100,
    licence: Annotated[
        str, typer.Option(metavar="TEXT", help="The licence, where a database names none.")
    ] = "",
    max_rows: _MaxRows = None,
    max_atoms: MaxAtoms = None,
    stress: Stress = None,
    resume: Resume = False,
    delay: _Delay = 0.1,
    timeout: _Timeout = 60.0,
    attempts: _Attempts = 8,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="A host that links may lead to; repeat it."),
    ] = None,
    quiet: Quiet = False,
    progress: Progress = True,
) -> None:
    """Fetch structures from OPTIMADE databases.

    DIR gets crystals.parquet, crystals.rejects.csv and crystals.card.yaml when all pages are there.
    """
    with reported(lambda: _KEPT):
        from stratus.corpora.sources.optimade import Optimade, OptimadeQuery, find_databases

        query = made(
            lambda: OptimadeQuery(
                filter=filter, fields=tuple(field or ()), page_limit=page, licence=licence
            )
        )
        words = [*databases, *(["--filter", filter] if filter else [])]
        with _client(delay, timeout, attempts, allow_host or ()) as client:
            source = Optimade(find_databases(databases), query, client)
            options = _options(max_rows, max_atoms, resume, stress)
            _collect(
                source,
                output,
                options,
                f"fetch optimade {shlex.join(words)}",
                quiet=quiet,
                progress=progress,
            )


@app.command()
def mp(  # noqa: PLR0917 - one parameter for each flag
    output: _Output,
    element: Annotated[
        list[str] | None,
        typer.Option(metavar="SYMBOL", help="An element that all hold; repeat it."),
    ] = None,
    chemsys: Annotated[
        str | None, typer.Option(metavar="SYSTEM", help="A chemical system, such as Li-Fe-O.")
    ] = None,
    max_hull: Annotated[
        float | None,
        typer.Option(metavar="EV", help="Largest energy above the hull, in eV/atom."),
    ] = None,
    gnome: Annotated[
        bool, typer.Option("--gnome", help="Also GNoME's materials, which are not for commerce.")
    ] = False,
    field: _Fields = None,
    page: Annotated[int, typer.Option(metavar="N", help="Materials a page.")] = 500,
    max_rows: _MaxRows = None,
    max_atoms: MaxAtoms = None,
    resume: Resume = False,
    delay: _Delay = 0.1,
    attempts: _Attempts = 8,
    quiet: Quiet = False,
    progress: Progress = True,
) -> None:
    """Fetch materials from the Materials Project.

    The key is taken from MP_API_KEY.
    """
    with reported(lambda: _KEPT):
        from stratus.corpora.sources.materials_project import (
            MaterialsProject,
            MaterialsProjectQuery,
        )

        query = made(
            lambda: MaterialsProjectQuery(
                elements=tuple(element or ()),
                chemsys=chemsys,
                max_sites=max_atoms,
                max_energy_above_hull=max_hull,
                fields=tuple(field or ()),
                gnome=gnome,
                page_limit=page,
            )
        )
        with _client(delay, 60.0, attempts) as client:
            source = MaterialsProject(query, client=client)
            options = _options(max_rows, max_atoms, resume)
            _collect(source, output, options, "fetch mp", quiet=quiet, progress=progress)


@app.command("list")
def list_sets() -> None:
    """List the published files that can be fetched by name."""
    with reported():
        from rich.table import Table

        from stratus.cli.console import Console
        from stratus.corpora.sources.catalogue import catalogue

        console = Console(highlight=False)
        for name, known in catalogue().sets.items():
            console.print(f"[bold]{name}[/bold]  {known.licence}", soft_wrap=True)
            table = Table.grid(padding=(0, 2))
            for short, file in known.files.items():
                digest = file.digest.split(":")[0] if file.digest else "digest from first use"
                rows = f"{file.rows:,} rows" if file.rows else ""
                table.add_row(f"  {short}", f"{file.many} files" if file.many else "", digest, rows)
            console.print(table)


def _file_command(name: str) -> Callable[..., None]:
    def fetch_files(  # noqa: PLR0917 - one parameter for each flag
        output: _Output,
        files: Annotated[
            list[str] | None,
            typer.Argument(metavar="FILE...", help="Which; `stratus fetch list` lists them."),
        ] = None,
        first: Annotated[
            int | None, typer.Option(metavar="N", help="Only the first N, where there are many.")
        ] = None,
        only_files: Annotated[
            bool, typer.Option("--only-files", help="Make no tables of what was downloaded.")
        ] = False,
        max_rows: _MaxRows = None,
        max_atoms: MaxAtoms = None,
        stress: Stress = None,
        resume: Resume = False,
        timeout: _Timeout = 60.0,
        attempts: _Attempts = 8,
        quiet: Quiet = False,
        progress: Progress = True,
    ) -> None:
        with reported(lambda: _KEPT):
            from stratus.corpora.sources.catalogue import find_files, find_set

            known = find_set(name)
            with _client(0.0, timeout, attempts) as client:
                for file in find_files(name, files or ()):
                    options = None if only_files else _options(max_rows, max_atoms, resume, stress)
                    _fetch(
                        name,
                        known,
                        file,
                        output,
                        first,
                        options,
                        client,
                        quiet=quiet,
                        progress=progress,
                    )

    fetch_files.__doc__ = f"""Download files of {name}, checked.

    Tables are made of their crystals. A download that broke off goes on by itself. NAME.sha256
    beside each file is its SHA-256.
    """
    return fetch_files


for _name in SETS:
    app.command(_name)(_file_command(_name))


def _fetch(  # noqa: PLR0917 - the flags, once more
    name: str,
    known: CatalogueSet,
    file: CatalogueFile,
    output: Path,
    first: int | None,
    options: CollectOptions | None,
    client: PoliteClient,
    *,
    quiet: bool,
    progress: bool,
) -> None:
    from stratus.cli.fetch_report import download_bar, print_file
    from stratus.corpora.sources.download import download
    from stratus.corpora.sources.files import Files, LocalFile
    from stratus.crystals.reading.formats import take_apart

    local = []
    for remote in file.remote()[:first]:
        with download_bar(remote.file, shown=progress and not quiet) as on_bytes:
            done = download(remote, output, client, on_bytes)
        if not quiet:
            print_file(done)
        local.append(
            LocalFile(
                done.path,
                remote.urls[0],
                known.licence,
                done.sha256,
                ids=file.ids,
                id=file.id,
                structure=file.structure,
            )
        )
    if options is None or not file.crystals:
        return
    table = name if file.many else take_apart(file.file).stem
    source = Files(name, known.citation, local, options.read)
    _collect(source, output, options, f"fetch {name}", quiet=quiet, progress=progress, table=table)


def _collect(
    source: Source,
    output: Path,
    options: CollectOptions,
    words: str,
    *,
    quiet: bool,
    progress: bool,
    table: str = "crystals",
) -> None:
    from stratus.cli.fetch_report import print_summary, rows_bar
    from stratus.corpora.sources.collect import collect

    with rows_bar(shown=progress and not quiet) as on_progress:
        done = collect(source, output, options, on_progress, f"stratus {words}", table)
    if not quiet:
        print_summary(done)


def _client(delay: float, timeout: float, attempts: int, hosts: Iterable[str] = ()) -> PoliteClient:
    from stratus.corpora.sources.rate_limit import PoliteClient, PoliteOptions

    def options() -> PoliteOptions:
        return PoliteOptions(
            delay_s=delay, timeout_s=timeout, attempts=attempts, allow_hosts=frozenset(hosts)
        )

    return PoliteClient(made(options))


def _options(
    max_rows: int | None, max_atoms: int | None, resume: bool, stress: str | None = None
) -> CollectOptions:
    from stratus.corpora.sources.collect import CollectOptions
    from stratus.crystals.reading import ReadOptions

    def options() -> CollectOptions:
        read = ReadOptions.model_validate(read_flags(max_atoms=max_atoms, stress=stress))
        return CollectOptions(read=read, max_rows=max_rows, resume=resume)

    return made(options)
