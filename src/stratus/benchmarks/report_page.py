"""One page of benchmark runs: tables, pictures and all that is needed to run them again.

The page is one file of HTML, CSS and pictures inside it: it needs no network and runs nothing, and
says so to the browser. Every text is escaped.
"""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from stratus.benchmarks.report_figures import errors_by_group, in_words, pictures
from stratus.benchmarks.run_pairs import paired_runs
from stratus.benchmarks.scores import board_metric
from stratus.errors import InputError
from stratus.training.row_caps import footnotes

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from stratus.benchmarks.record import BenchmarkRun, Method

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_ROW = ' scope="row"'


def report_page(runs: Sequence[BenchmarkRun], *, title: str = "Benchmarks") -> str:
    """Return the page.

    Args:
        runs: in their order on the page.
        title: of the page.

    Raises:
        stratus.errors.InputError: there is no run.
    """
    if not runs:
        raise InputError("there is no run to report; give one at least")
    room = files("stratus.plots")
    style = "".join(
        room.joinpath(f"data/{name}.css").read_text("utf-8") for name in ("page", "report")
    )
    names = _names(runs)
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>\n{style}</style></head>\n<body>",
        f"<h1>{escape(title)}</h1>",
        *(_overview(runs, names) if len(runs) > 1 else ()),
        *_side_by_side(runs),
        *(part for place, run in enumerate(runs) for part in _run(run, place, names[place])),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _overview(runs: Sequence[BenchmarkRun], names: Sequence[str]) -> Iterator[str]:
    yield '<nav aria-label="Runs">'
    for place, name in enumerate(names):
        yield f'<a href="#run-{place}">{escape(name)}</a>'
    yield "</nav>"
    rows = []
    for run, name in zip(runs, names, strict=True):
        best = _best(run)
        rival = run.method(run.rival)
        rows.append(
            [
                name,
                f"{run.data.rows:,}",
                f"{board_metric(run.asked.metric).label}{_unit(run)}",
                best.name,
                _mean(run, best),
                rival.name,
                _mean(run, rival),
            ]
        )
    heads = ("set", "rows", "metric", "best here", "mean of folds", "rival", "its mean")
    yield _table(heads, rows, numbers={1, 4, 6})


def _side_by_side(runs: Sequence[BenchmarkRun]) -> Iterator[str]:
    """Give the differences of models that were run on the same rows."""
    pairs = paired_runs(runs)
    if not pairs:
        return
    yield "<h2>Models beside each other, row by row</h2>"
    heads = (
        "methods", "set", "seeds", "loss of the first", "of the second", "difference",
        "95% interval", "folds won by the first", "p, rows",
    )  # fmt: skip
    rows = [
        [
            f"{pair.first} − {pair.second}",
            f"{pair.set_name}{f' ({pair.unit})' if pair.unit else ''}",
            ", ".join(map(str, pair.seeds)),
            f"{pair.mean_first:.4g}",
            f"{pair.mean_second:.4g}",
            f"{pair.difference:+.3g}",
            f"{pair.interval[0]:+.3g} to {pair.interval[1]:+.3g}",
            f"{pair.won} of {pair.folds}",
            f"{pair.p_rows:.2g}",
        ]
        for pair in pairs
    ]
    yield _table(heads, rows, numbers=range(3, len(heads)))
    yield (
        '<p class="quiet">Loss: absolute error, or squared error of a probability, mean over folds '
        "and seeds. Difference: first minus second on the same test rows; below zero the first is "
        "better. Interval: percentile bootstrap of the mean over folds, each row with its mean "
        "over seeds, rows of one composition drawn together. Folds: of every seed.</p>"
    )


def _run(run: BenchmarkRun, place: int, name: str) -> Iterator[str]:
    asked = run.asked
    yield f'<section id="run-{place}"><h2>{escape(name)}</h2>'
    yield _badge(run)
    if asked.notes:
        yield '<ul class="notes">'
        yield from (f"<li>{escape(note)}</li>" for note in asked.notes)
        yield "</ul>"
    yield f"<p>{escape(_lead(run))}</p>"
    yield "<h3>Methods</h3>"
    yield from _methods(run)
    yield from _stability(run)
    yield "<h3>Each fold</h3>"
    yield _folds(run)
    shown = list(pictures(run))
    if shown:
        yield '<h3>Pictures</h3><div class="figures">'
        for words, caption, source in shown:
            yield (
                f'<figure><img alt="{escape(words)}" src="{source}">'
                f"<figcaption>{escape(caption)}</figcaption></figure>"
            )
        yield "</div>"
    yield from _groups(run)
    yield from _details(run)
    yield "</section>"


def _names(runs: Sequence[BenchmarkRun]) -> list[str]:
    """Return what each run is called; runs on one set are told apart by their target or number."""
    sets = [f"{run.asked.benchmark}: {run.asked.name}" for run in runs]
    aims = [
        name if sets.count(name) == 1 else f"{name}, {run.asked.target}"
        for name, run in zip(sets, runs, strict=True)
    ]
    return [
        name if aims.count(name) == 1 else f"{name} ({aims[: place + 1].count(name)})"
        for place, name in enumerate(aims)
    ]


def _unit(run: BenchmarkRun) -> str:
    metric = board_metric(run.asked.metric)
    return f" ({run.asked.unit})" if metric.has_unit and run.asked.unit else ""


def _badge(run: BenchmarkRun) -> str:
    if run.asked.official:
        return '<p><span class="mark">official rows, labels, folds and inputs</span></p>'
    return (
        '<p><span class="mark other">not an official set: not to be compared with '
        "published numbers</span></p>"
    )


def _lead(run: BenchmarkRun) -> str:
    unread = len(run.data.unread)
    aside = f", {unread:,} of them could not be read" if unread else ""
    model = run.model.get("start")
    what = f" The model: {_model_in_words(run)}." if model else ""
    seconds = ", ".join(f"{name} {value:,.0f} s" for name, value in run.seconds.items())
    gpu = run.hardware.get("gpu")
    where = f"{run.hardware.get('processor', '')}, {gpu or 'no GPU'}"
    folds = len(run.data.splits)
    return (
        f"{run.data.rows:,} test rows{aside}, target {run.asked.target}, "
        f"{folds} fold{'s' if folds > 1 else ''}.{what} "
        f"Started {run.started}; {seconds}; on {where}."
    )


def _model_in_words(run: BenchmarkRun) -> str:
    model = run.model
    start = str(model.get("start"))
    return (
        f"{model.get('architecture', '')} {start if start == 'from scratch' else f'from {start}'}, "
        f"{model.get('parameters', 0):,} parameters, members a fold: {model.get('members', 1)}"
    )


def _methods(run: BenchmarkRun) -> Iterator[str]:
    metric = board_metric(run.asked.metric)
    heads = (
        "method", f"{metric.label}{_unit(run)}, mean of folds", "std", "95% interval",
        f"folds won against {run.rival}", "p, folds", "p, rows",
    )  # fmt: skip
    rows: list[list[str]] = []
    kinds: list[str] = []
    compared = {each.method: each for each in run.beside}
    for method in run.methods:
        beside = compared.get(method.name)
        cells = ["", "", ""]
        if beside is not None:
            won = f"{beside.won} of {beside.folds}"
            cells = [won, f"{beside.p_folds:.3g}", f"{beside.p_rows:.2g}"]
        elif method.name == run.rival:
            cells[0] = "the rival"
        rows.append([method.name, *_three(run, method), *cells])
        kinds.append(method.role)
    for row in run.published if run.asked.official else ():
        std = "" if row.std is None else f"{row.std:.3g}"
        name = f"{row.model}, published (sees {row.sees})"
        rows.append([name, f"{row.mean:.4g}", std, "", "", "", ""])
        kinds.append("published")
    yield _table(heads, rows, kinds=kinds)
    yield (
        '<p class="quiet">std: over folds, divided by their number. Interval: percentile '
        "bootstrap, rows of one composition drawn together, within folds. p: two-sided sign-flip "
        "tests; that over five folds is at least 0.0625. Overlap of the training rows of folds "
        "is not accounted for.</p>"
    )
    for line in footnotes({method.name: method.capped for method in run.methods}):
        yield f'<p class="quiet">{escape(line)}.</p>'
    sources = sorted({row.source for row in run.published}) if run.asked.official else []
    if sources:
        yield f'<p class="quiet">Published: {escape("; ".join(sources))}.</p>'


def _stability(run: BenchmarkRun) -> Iterator[str]:
    rows = []
    for method in run.methods:
        for name, found in method.discovery.items():
            numbers = (
                found.f1, found.daf, found.precision, found.accuracy, found.tpr, found.tnr,
                found.mae, found.rmse, found.r2, found.roc_auc,
            )  # fmt: skip
            shown = ["" if n is None else f"{n:.3f}" for n in numbers]
            rows.append([method.name, name, f"{found.missing:,}", *shown])
    if rows:
        yield "<h3>Stable crystals</h3>"
        heads = (
            "method", "rows and threshold", "missing", "F1", "DAF", "precision", "accuracy",
            "TPR", "TNR", "MAE", "RMSE", "R²", "ROC-AUC",
        )  # fmt: skip
        yield _table(heads, rows, numbers=range(2, len(heads)))


def _folds(run: BenchmarkRun) -> str:
    names = list(run.methods[0].folds)
    metric = run.asked.metric
    rows = [
        [method.name, *(_number(method.folds[name][metric]) for name in names)]
        for method in run.methods
    ]
    first = run.methods[0]
    for other in first.folds[names[0]]:
        if other != metric:
            numbers = (_number(first.folds[name][other]) for name in names)
            rows.append([f"{first.name}: {board_metric(other).label}", *numbers])
    heads = ("method", *(f"fold {name}" for name in names))
    return _table(heads, rows)


def _groups(run: BenchmarkRun) -> Iterator[str]:
    """Give what the pictures of errors show as a table."""
    method = run.methods[0] if run.methods[0].role == "model" else run.method(run.rival)
    rows = [
        [
            f"{in_words(name)}: {group.name}",
            f"{group.rows:,}",
            _number(group.first),
            _number(group.second),
        ]
        for name in run.rows.groups
        for group in errors_by_group(run, method, name)
    ]
    beside = run.rival if method.name != run.rival else ""
    yield "<details><summary>Mean loss by kind of crystal</summary>"
    yield _table(("rows with", "rows", method.name, beside), rows)
    yield "</details>"


def _details(run: BenchmarkRun) -> Iterator[str]:
    kept = run.model_dump(
        mode="json", include={"config", "model", "versions", "hardware", "seconds", "data"}
    )
    shared = kept["data"].pop("shared")
    yield "<details><summary>Options, versions, hashes, hardware</summary><pre>"
    yield escape(json.dumps(kept, indent=1, ensure_ascii=False))
    yield "</pre></details>"
    rows = [[name, *(f"{count:,}" for count in found.values())] for name, found in shared.items()]
    if rows:
        heads = ("fold", *(name.replace("_", " ") for name in next(iter(shared.values()))))
        yield "<details><summary>Crystals that parts of a fold share</summary>"
        yield _table(heads, rows)
        yield "</details>"


def _best(run: BenchmarkRun) -> Method:
    there = [m for m in run.methods if run.asked.metric in m.over_folds]
    choose = min if run.asked.lower_is_better else max
    return choose(
        there or list(run.methods),
        key=lambda m: m.over_folds[run.asked.metric].mean if there else 0.0,
    )


def _mean(run: BenchmarkRun, method: Method) -> str:
    found = method.over_folds.get(run.asked.metric)
    std = _std(run, method, 2)
    return "" if found is None else f"{found.mean:.4g}{f' ± {std}' if std else ''}"


def _std(run: BenchmarkRun, method: Method, digits: int) -> str:
    """Return the spread over folds; one fold has none."""
    found = method.over_folds.get(run.asked.metric)
    return "" if found is None or len(method.folds) < 2 else f"{found.std:.{digits}g}"


def _three(run: BenchmarkRun, method: Method) -> list[str]:
    found = method.over_folds.get(run.asked.metric)
    if found is None:
        return ["", "", ""]
    ends = method.interval
    interval = "" if ends is None else f"{ends[0]:.4g} to {ends[1]:.4g}"
    return [f"{found.mean:.4g}", _std(run, method, 3), interval]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Container[int] | None = None,
    kinds: Sequence[str] = (),
) -> str:
    """Return a table whose first column names the rows.

    Args:
        heads: of the columns.
        rows: of texts.
        numbers: which columns hold numbers; all but the first if not set.
        kinds: class of each row.
    """
    places = range(1, len(heads)) if numbers is None else numbers

    def cell(tag: str, place: int, text: str, scope: str = "") -> str:
        number = ' class="number"' if place in places else ""
        return f"<{tag}{scope}{number}>{escape(text)}</{tag}>"

    head = "".join(cell("th", place, text, ' scope="col"') for place, text in enumerate(heads))
    body = []
    for k, (first, *rest) in enumerate(rows):
        kind = f' class="{escape(kinds[k])}"' if kinds else ""
        cells = "".join(cell("td", place, text) for place, text in enumerate(rest, 1))
        body.append(f"<tr{kind}>{cell('th', 0, first, _ROW)}{cells}</tr>")
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )
