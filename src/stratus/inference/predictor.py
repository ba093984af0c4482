"""A model at work: from crystals of any kind to properties, vectors and curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import numpy as np

from stratus.errors import InputError
from stratus.inference.crystal_curves import CrystalCurves
from stratus.inference.curves import check_temperatures, require_law, thermo_samples
from stratus.inference.inputs import PredictOptions, rows
from stratus.inference.predictions import Predictions
from stratus.inference.properties import require_tasks
from stratus.inference.row import in_words
from stratus.inference.samples import sample_windows
from stratus.inference.thermo_curves import ThermoPer
from stratus.inference.windows import (
    ThermoWindow,
    Window,
    curve_windows,
    predicted_windows,
)
from stratus.models.loading import load_model
from stratus.models.net import Net
from stratus.models.run_over import run_over
from stratus.names import pick
from stratus.tasks.conformal import check_level

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from stratus.inference.row import Row
    from stratus.inference.samples import SampleWindow
    from stratus.models.card import Card
    from stratus.models.model import Model
    from stratus.tasks.task import Task

Errors = Literal["raise", "coerce"]
"""What a crystal that cannot be read does: it ends the call, or has NaN in its place."""

HERE: Final = PredictOptions(workers=0)
"""Read and encode in this process, without a limit of time."""

_WINDOW: Final = 32
"""Batches that are sorted by length together; more would save little padding."""

_STREAMED: Final = 4
"""Batches of a window of a stream. A window of 4 x 64 crystals is half of what two workers have in
their queues, so they go on encoding while it is predicted."""


_POINTS: Final = 20_000
"""Crystals times temperatures of a batch; more would need much memory and save nothing."""


class Predictor:
    """A model that predicts for whatever holds crystals.

    All methods take the same inputs, one or many, mixed as they come, also a generator of any
    length. A text is, in this order: the path of something that exists, a SCOPE string, the text
    of a file (CIF, POSCAR, JSON), a formula. Else an input is a path of a file, table, archive or
    folder; a ``Composition`` or ``Structure`` of pymatgen or its mapping (``as_dict``); ASE
    ``Atoms``; a :class:`stratus.Entry`, :class:`stratus.Reject` or :class:`stratus.Scope`; an array
    or ``Series`` of any of these; or a ``DataFrame`` with the columns that a table may have.

    Args:
        model: what predicts.
    """

    def __init__(self, model: Model) -> None:
        self.model = model

    def __repr__(self) -> str:
        """Return one line."""
        return f"<Predictor of {self.model!r}>"

    @property
    def tasks(self) -> dict[str, Task]:
        """What it predicts, by name; nothing for a model that was only pre-trained."""
        return self.model.tasks

    @property
    def card(self) -> Card:
        """What a person must know about the model."""
        return self.model.card

    @property
    def width(self) -> int:
        """The length of the vectors of :meth:`embed`."""
        return int(self.model.members[0].config.hidden)

    def info(self) -> dict[str, Any]:
        """Return what the model is, as plain values that JSON can hold."""
        return self.model.info()

    def predict(
        self,
        inputs: Any,
        *,
        errors: Errors = "raise",
        interval: float | None = None,
        imposed: bool = True,
        batch_size: int = 256,
        options: PredictOptions = HERE,
    ) -> Predictions:
        """Predict every property of the model, in the order of the inputs.

        The prediction for a crystal does not depend on the others (to float32 rounding).

        Args:
            inputs: crystals; see the class. A folder or table holds as many as it holds.
            errors: ``raise`` ends at the first crystal that cannot be read; ``coerce`` gives it
                NaN in its place, and a reject in ``rejects``.
            interval: share of crystals that the intervals are to hold, such as 0.9.
            imposed: whether identities are imposed, such as a formation energy of 0 of elements,
                and intervals widened where nothing was learned
                (``docs/reference/identities.md``); False gives what the heads give.
            batch_size: crystals that go through an encoder together.
            options: how crystals are read and encoded; by default in this process.

        Returns:
            by target, in the unit of the target, value, standard deviation and, with ``interval``,
            its ends. The value of a binary target is the probability of class 1, those of a
            multiclass one are the probabilities of its classes, ``[n, classes]``. Of a target per
            cell it is NaN where the atoms of the cell are unknown.

        Raises:
            stratus.errors.InputError: a crystal cannot be read or encoded (the message gives its
                place among the inputs, counted from 0, its id, the reason and its code), the
                model predicts nothing, or an argument cannot be.
        """
        self._check(batch_size, interval)
        require_tasks(self.model)
        stream = self._windows(inputs, errors, _WINDOW * batch_size, options)
        windows = predicted_windows(
            stream, self.model, interval, imposed=imposed, batch_size=batch_size
        )
        return Predictions.of(windows, self.model, interval)

    def stream(
        self,
        inputs: Any,
        *,
        interval: float | None = None,
        imposed: bool = True,
        batch_size: int = 64,
        options: PredictOptions | None = None,
    ) -> Iterator[Window]:
        """Predict a window at a time, so that memory does not grow with the crystals.

        A crystal that cannot be read or encoded, or is too long for the model, is a reject and
        keeps its place. This is what the command line does.

        Args:
            inputs: crystals; see the class.
            interval: as of :meth:`predict`.
            imposed: likewise.
            batch_size: crystals that go through an encoder together.
            options: how crystals are read and encoded; by default by a worker for each processor.

        Raises:
            stratus.errors.InputError: an input cannot be used, the model predicts nothing, or an
                argument cannot be; at the call or, for a table, when it is reached.
            stratus.errors.StratusError: a worker cannot start.
        """
        options = options or PredictOptions()
        return self.stream_rows(
            rows(inputs, self.model.view.reads, options),
            interval=interval,
            imposed=imposed,
            batch_size=batch_size,
        )

    def stream_rows(
        self,
        stream: Iterable[Row],
        *,
        interval: float | None = None,
        imposed: bool = True,
        batch_size: int = 64,
    ) -> Iterator[Window]:
        """Predict for rows that were read, a window at a time; see :meth:`stream`."""
        self._check(batch_size, interval)
        require_tasks(self.model)
        windows = sample_windows(stream, self.model, _STREAMED * batch_size)
        return predicted_windows(
            windows, self.model, interval, imposed=imposed, batch_size=batch_size
        )

    def curves(
        self,
        inputs: Any,
        temperatures_k: Iterable[float],
        *,
        errors: Errors = "raise",
        per: str = "atom",
        interval: float | None = None,
        imposed: bool = True,
        batch_size: int = 256,
        options: PredictOptions = HERE,
    ) -> CrystalCurves:
        """Give heat capacity, internal energy, entropy and free energy over temperature.

        They are of a crystal of fixed volume that vibrates harmonically: C_v, not C_p, and no
        energy but that of the vibrations (zero-point energy included). For more crystals than
        curves fit in memory use :meth:`stream_curves`.

        Args:
            inputs: crystals; see the class.
            temperatures_k: t temperatures, not negative, in K.
            errors: as of :meth:`predict`.
            per: what a mole is of: ``atom``, ``formula`` or ``cell``, the primitive one.
            interval: share of crystals that the intervals are to hold at any one temperature, such
                as 0.9.
            imposed: whether intervals are kept within what can be, and widened where too little
                was learned; False gives those that were calibrated.
            batch_size: crystals that go through an encoder together.
            options: how crystals are read and encoded; by default in this process.

        Returns:
            the curves, ``[n, t]`` each, with the effective Debye temperatures ``[n]``.

        Raises:
            stratus.errors.InputError: as of :meth:`predict`; or the model has no law, or
                temperatures or ``per`` cannot be.
        """
        at, of = self._asked(temperatures_k, per, batch_size, interval)
        stream = self._windows(inputs, errors, _WINDOW * batch_size, options)
        windows = list(
            curve_windows(
                stream, self.model, at, of, interval, imposed=imposed, batch_size=batch_size
            )
        )
        if not windows:
            nothing = thermo_samples(self.model, [], [], at, per=of, level=interval)
            windows = [ThermoWindow([], np.empty(0, np.int64), [], nothing)]
        return CrystalCurves.of(windows, self.model, interval)

    def stream_curves(
        self,
        inputs: Any,
        temperatures_k: Iterable[float],
        *,
        per: str = "atom",
        interval: float | None = None,
        imposed: bool = True,
        batch_size: int = 64,
        options: PredictOptions | None = None,
    ) -> Iterator[ThermoWindow]:
        """Give curves a window at a time; see :meth:`stream`.

        Memory grows neither with the crystals nor with the temperatures (but for those of one
        crystal).

        Args:
            inputs: crystals; see the class.
            temperatures_k: t temperatures, not negative, in K.
            per: as of :meth:`curves`.
            interval: likewise.
            imposed: likewise.
            batch_size: crystals that go through an encoder together; fewer where there are many
                temperatures.
            options: as of :meth:`stream`.

        Raises:
            stratus.errors.InputError: as of :meth:`curves`, but for crystals that cannot be read.
            stratus.errors.StratusError: a worker cannot start.
        """
        at, of = self._asked(temperatures_k, per, batch_size, interval)
        batch = max(1, min(batch_size, _POINTS // len(at)))
        found = rows(inputs, self.model.view.reads, options or PredictOptions())
        stream = sample_windows(found, self.model, _STREAMED * batch)
        return curve_windows(
            stream, self.model, at, of, interval, imposed=imposed, batch_size=batch
        )

    def _asked(
        self,
        temperatures_k: Iterable[float],
        per: str,
        batch_size: int,
        interval: float | None,
    ) -> tuple[NDArray[np.float64], ThermoPer]:
        self._check(batch_size, interval)
        require_law(self.model)
        choice: dict[str, ThermoPer] = {name: name for name in get_args(ThermoPer)}
        return check_temperatures(temperatures_k), pick(choice, per, "value of per")

    def embed(
        self,
        inputs: Any,
        *,
        errors: Errors = "raise",
        batch_size: int = 256,
        options: PredictOptions = HERE,
    ) -> NDArray[np.float32]:
        """Return one vector a crystal, in the order of the inputs, by the first member.

        The vector of a crystal does not depend on the others (to float32 rounding).

        Args:
            inputs: crystals; see the class.
            errors: as of :meth:`predict`.
            batch_size: crystals that go through the encoder together.
            options: how crystals are read and encoded; by default in this process.

        Returns:
            float32, shape (number of crystals, d).

        Raises:
            stratus.errors.InputError: as of :meth:`predict`.
        """
        parts = [np.empty((0, self.width), np.float32)]
        stream = self.stream_vectors(inputs, errors=errors, batch_size=batch_size, options=options)
        parts += (vectors for _, vectors in stream)
        return np.concatenate(parts)

    def stream_vectors(
        self,
        inputs: Any,
        *,
        errors: Errors = "raise",
        batch_size: int = 256,
        options: PredictOptions = HERE,
    ) -> Iterator[tuple[Sequence[Row], NDArray[np.float32]]]:
        """Yield rows with their vectors, ``32 * batch_size`` at a time; see :meth:`embed`."""
        self._check(batch_size)
        stream = self._windows(inputs, errors, _WINDOW * batch_size, options)
        return self._embedded(stream, batch_size)

    def _embedded(
        self, stream: Iterator[SampleWindow], batch_size: int
    ) -> Iterator[tuple[Sequence[Row], NDArray[np.float32]]]:
        first = self.model.members[:1]
        for window in stream:
            vectors = np.full((len(window.rows), self.width), np.nan, np.float32)
            places = np.flatnonzero(window.where >= 0)
            for own, [encoding] in run_over(
                first, self.model.view, window.samples, batch_size=batch_size, read=Net.encode
            ):
                vectors[places[own]] = encoding.crystal.float().cpu().numpy()
            yield window.rows, vectors

    def _check(self, batch_size: int, interval: float | None = None) -> None:
        if batch_size < 1:
            raise InputError(f"batch_size is at least 1, not {batch_size}")
        if interval is not None:
            check_level(interval)

    def _windows(
        self, inputs: Any, errors: str, size: int, options: PredictOptions
    ) -> Iterator[SampleWindow]:
        """Yield what the model sees of some inputs; with ``raise`` no reject is among them."""
        wanted = pick({name: name for name in get_args(Errors)}, errors, "value of errors")
        stream = rows(inputs, self.model.view.reads, options)
        return self._passed(sample_windows(stream, self.model, size), strict=wanted == "raise")

    @staticmethod
    def _passed(windows: Iterator[SampleWindow], *, strict: bool) -> Iterator[SampleWindow]:
        for window in windows:
            for row in window.rows if strict else ():
                if row.reject is not None:
                    raise InputError(in_words(row))
            yield window


def load(where: str | os.PathLike[str]) -> Predictor:
    """Load a model, after checking every byte of it; the network is never asked.

    Args:
        where: ``"bundled"`` for the model that comes with the package, or the folder of a bundle.

    Raises:
        stratus.errors.InputError: there is none, or it is damaged; the message says what is wrong.
    """
    return Predictor(load_model(where))
