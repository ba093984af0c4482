"""From labels to a model: an encoder with one head a task, fold by fold, beside simple models.

>>> from stratus.training.finetune.run import finetune
>>> result = finetune(table, folds, tasks)  # doctest: +SKIP
"""
