"""What the estimators for scikit-learn share: settings, learning, keeping, predicting."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from stratus.corpora.documents import validated
from stratus.corpora.tables.folds import without_test
from stratus.errors import InputError
from stratus.inference.coordinates import have_coordinates
from stratus.inference.estimators.embedder import loaded
from stratus.inference.estimators.tables import check_one_each, crystals_of, known_of, table_of
from stratus.inference.predictor import Predictor
from stratus.models.bundle import load_bundle, save_bundle
from stratus.models.card import Card
from stratus.models.loading import load_model
from stratus.training.finetune.choice import resolved, why_strings
from stratus.training.finetune.options import make_finetune_options
from stratus.training.finetune.run import finetune
from stratus.training.finetune.start import read_facet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from stratus.inference.predictions import Predictions
    from stratus.models.model import Model
    from stratus.tasks.task import Task

    Floats = NDArray[np.float64]

Usual = Literal["usual"]
USUAL: Final = "usual"
"""What is usual for the encoder, as an argument of an estimator."""

_SEEDS: Final = 2**31  # those that are drawn are below
_LEARNING: Final = (
    "epochs",
    "batch_size",
    "learning_rate",
    "patience",
    "freeze_epochs",
    "layer_decay",
    "weight_decay",
    "ema",
)
"""Arguments that may be usual."""


class CrystalEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What regressor and classifier share; use one of those.

    Args:
        model: where to start: None for fresh weights, ``"bundled"``, the folder of a bundle, or a
            loaded model.
        encoder: architecture of fresh weights; None is that of what X holds: an encoder of atoms
            where every crystal has coordinates, ``orbit-set`` where strings or formulas are among
            them. :mod:`stratus.encoders.table` names both.
        preset: its sizes; None is what is usual for the encoder.
        config: values of its config that differ from the preset.
        targets: name, and unit, of each column of y: ``"gap:eV"``, or a mapping with settings of a
            target, such as ``{"column": "gap", "unit": "eV", "minimum": 0.0}``; a list of them for
            several columns. None takes the names of a pandas y, else ``y`` or ``y0``, ``y1``, ...
        epochs: times that each crystal is seen at most. Here and below ``"usual"`` is what is usual
            for training the encoder, which is the default of
            :class:`~stratus.training.finetune.options.FinetuneOptions` where it says nothing.
        batch_size: crystals in a step on average.
        learning_rate: peak, of the heads and the topmost layers.
        members: how many are learned, with other seeds; they are averaged.
        validation: share of the crystals to choose the epoch with; they are not learned from, and
            those of one SCOPE string stay together.
        patience: epochs without a better validation loss before it stops; None: all epochs.
        freeze_epochs: epochs in which the heads alone learn.
        layer_decay: factor of the learning rate from one layer to that below it.
        weight_decay: AdamW's.
        ema: decay of averaged weights, which are then used; None: none.
        options: further options of fine-tuning by name, such as ``{"clip_norm": None}``.
        random_state: decides fresh weights, order, dropout and who is in the validation rows.
            The same whole number gives the same model on a CPU; None gives another each time.

    Attributes:
        model_: the :class:`stratus.models.model.Model` that was learned or loaded.
        target_names_: what it predicts, a name for each column of y.
    """

    def __init__(  # noqa: PLR0913 - scikit-learn wants each setting to be an argument
        self,
        model: str | Path | Model | Predictor | None = None,
        *,
        encoder: str | None = None,
        preset: str | None = None,
        config: Mapping[str, Any] | None = None,
        targets: Any = None,
        epochs: int | Usual = USUAL,
        batch_size: int | Usual = USUAL,
        learning_rate: float | Usual = USUAL,
        members: int = 1,
        validation: float = 0.1,
        patience: int | Usual | None = USUAL,
        freeze_epochs: int | Usual = USUAL,
        layer_decay: float | Usual = USUAL,
        weight_decay: float | Usual = USUAL,
        ema: float | Usual | None = USUAL,
        options: Mapping[str, Any] | None = None,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.model = model
        self.encoder = encoder
        self.preset = preset
        self.config = config
        self.targets = targets
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.members = members
        self.validation = validation
        self.patience = patience
        self.freeze_epochs = freeze_epochs
        self.layer_decay = layer_decay
        self.weight_decay = weight_decay
        self.ema = ema
        self.options = options
        self.random_state = random_state

    def save(
        self, folder: str | Path, *, card: Mapping[str, Any] | None = None, replace: bool = False
    ) -> None:
        """Save what was learned as a bundle, which ``load`` and ``stratus predict`` read.

        Args:
            folder: where to.
            card: keys of the card that its owner sets: name, licences, data, ...
            replace: whether a folder that is there already is replaced.

        Raises:
            sklearn.exceptions.NotFittedError: nothing was learned or loaded.
            stratus.errors.InputError: the folder is there already, or a key of the card cannot be.
        """
        check_is_fitted(self, "model_")
        model: Model = self.model_
        stated = model.card.model_dump(mode="json") | dict(card or {})
        save_bundle(
            folder,
            members=model.members,
            architecture=model.architecture,
            view=model.view,
            card=validated(Card, stated, "the card"),
            metrics=model.metrics,
            calibration=model.calibration,
            domain=model.domain,
            seen=model.seen,
            replace=replace,
        )

    @classmethod
    def load(cls, where: str | Path) -> Self:
        """Return a fitted estimator from a bundle; ``fit`` would go on from its weights.

        Args:
            where: the folder of a bundle, or ``"bundled"``.

        Raises:
            stratus.errors.InputError: there is none, it is damaged, or it predicts nothing of the
                kind of this estimator.
        """
        loaded = cls(model=where)
        loaded.model_ = load_model(where)
        loaded._take_up()
        return loaded

    def __sklearn_tags__(self) -> Any:
        """Say that X is a list of crystals, and that nothing else can be checked with numbers."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.input_tags.string = True
        tags.target_tags.required = True
        tags.no_validation = True
        tags.non_deterministic = self.random_state is None
        return tags

    def _take_up(self) -> None:
        """Set what follows from the model."""
        raise NotImplementedError

    def _learn(
        self,
        x: Any,
        tasks: Sequence[Task],
        labels: Floats,
        classes: Mapping[str, tuple[str, ...]],
    ) -> None:
        """Fine-tune, and keep the model."""
        start = None if self.model is None else loaded(self.model)
        seed = self.random_state
        if not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(_SEEDS)
        learning = {name: getattr(self, name) for name in _LEARNING}
        options = make_finetune_options(
            {
                "encoder": self.encoder,
                "preset": self.preset,
                "model": dict(self.config or {}),
                "members": self.members,
                **{name: value for name, value in learning.items() if value != USUAL},
            },
            dict(self.options or {}),
            {"seed": int(seed)},
        )
        options = options.model_copy(update={"tasks": tuple(tasks)})
        by_atoms = start is None and not why_strings(options) and have_coordinates(crystals_of(x))
        options = resolved(options, start, by_atoms=by_atoms)
        reads = read_facet(options, start)
        table = table_of(known_of(crystals_of(x), reads), tasks, labels, classes, reads)
        fold = without_test(table, int(seed), validation=self.validation)
        result = finetune(table, [fold], tasks, options, model=start)
        with TemporaryDirectory(prefix="stratus-estimator-") as folder:
            result.save(f"{folder}/bundle")  # checked as every bundle is
            self.model_ = load_bundle(f"{folder}/bundle")

    def _predict(self, x: Any, **how: Any) -> Predictions:
        """Return what :meth:`.Predictor.predict` does, a row a crystal."""
        check_is_fitted(self, "model_")
        crystals = crystals_of(x)
        found = Predictor(self.model_).predict(crystals, **how)
        check_one_each(found.rows, len(crystals))
        return found

    def _tasks_of_kind(self, *kinds: str) -> list[Task]:
        tasks = [task for task in self.model_.tasks.values() if task.kind in kinds]
        if not tasks:
            raise InputError(
                f"the model {self.model_.card.name!r} has no target that a "
                f"{type(self).__name__} predicts; it has {', '.join(self.model_.tasks) or 'none'}"
            )
        return tasks
