"""Vectors of crystals for any estimator of scikit-learn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from stratus.inference.estimators.tables import check_one_each, crystals_of
from stratus.inference.predictor import Predictor
from stratus.models.loading import load_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stratus.models.model import Model


class CrystalEmbedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # no types
    """The vectors of an encoder as features: the first step of a ``Pipeline``.

    It learns nothing from crystals. What the encoder was trained on may hold those of a test set.

    Args:
        model: ``"bundled"``, the folder of a bundle, or a loaded model.
        batch_size: crystals that go through the encoder together.

    Attributes:
        model_: the :class:`stratus.models.model.Model` whose encoder gives the vectors.
    """

    def __init__(
        self, model: str | Path | Model | Predictor = "bundled", *, batch_size: int = 256
    ) -> None:
        self.model = model
        self.batch_size = batch_size

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002, N803 - scikit-learn's names
        """Load the model.

        Args:
            X: n crystals; they are not read here.
            y: nothing.

        Raises:
            stratus.errors.InputError: X holds no crystals, or there is no such model.
        """
        crystals_of(X)
        self.model_ = loaded(self.model)
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:  # noqa: N803 - scikit-learn's name
        """Return the vectors of crystals.

        Args:
            X: n crystals.

        Returns:
            float32 ``[n, d]``; a table of pandas after ``set_output(transform="pandas")``.

        Raises:
            sklearn.exceptions.NotFittedError: it was not fitted.
            stratus.errors.InputError: a crystal cannot be read; the message gives its place.
        """
        check_is_fitted(self, "model_")
        crystals = crystals_of(X)
        parts = list(Predictor(self.model_).stream_vectors(crystals, batch_size=self.batch_size))
        check_one_each([row for rows, _ in parts for row in rows], len(crystals))
        return np.concatenate([vectors for _, vectors in parts])

    @property
    def _n_features_out(self) -> int:
        return Predictor(self.model_).width

    def __sklearn_tags__(self) -> Any:
        """Say that X is a list of crystals, and that nothing else can be checked with numbers."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.input_tags.string = True
        tags.no_validation = True
        return tags


def loaded(model: str | Path | Model | Predictor) -> Model:
    """Return a model by its name, from a predictor, or as it is."""
    if isinstance(model, Predictor):
        return model.model
    return load_model(model) if isinstance(model, str | Path) else model
