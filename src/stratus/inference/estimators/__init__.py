"""Models as scikit-learn estimators: X is a list of crystals, or anything that holds as many.

>>> from stratus import CrystalRegressor
>>> regressor = CrystalRegressor(epochs=50).fit(crystals, labels)  # doctest: +SKIP
>>> regressor.predict(others)  # doctest: +SKIP

Crystals are what :class:`stratus.inference.predictor.Predictor` takes, one in each place, any kinds
mixed. An absent label is NaN (or None, of classes), and is left out of learning and of ``score``.

X is not a matrix: there are no features to count, so there is no ``n_features_in_``, and the checks
of ``sklearn.utils.estimator_checks`` that fit on a matrix do not apply (the tags say so, and the
tests hold the same promises with crystals).
"""
