"""How a number is earned: official folds, leaderboard metrics, simple models beside every model.

>>> from stratus.benchmarks.matbench import matbench_task
>>> matbench_task("phonons").rows
1265
"""
