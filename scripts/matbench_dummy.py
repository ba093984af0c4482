"""Show that our folds and metrics give the published dummy rows of MatBench, to the last digit.

    python scripts/matbench_dummy.py [--data DIR]

DIR holds `matbench_labels`, tables of the official ids and labels. For each regression the mean of
the training labels is scored on the five official folds; the classes of the published dummy were
drawn at random without a seed, so beside them stands how far chance alone takes them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from stratus.benchmarks.matbench import matbench_tasks, official_folds
from stratus.benchmarks.scores import board_scores, over_folds


def main() -> None:
    """Print a row for each task."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared/data"
    )
    data = parser.parse_args().data / "matbench_labels"
    print("| task | rows | metric | published | ours |\n|---|---|---|---|---|")
    for task in matbench_tasks().values():
        table = pq.read_table(data / f"{task.dataset}.parquet")
        labels = np.array(table[task.column].to_pylist(), np.float64)
        folds = official_folds(task, labels)
        [row] = [row for row in task.published if row.model == "dummy"]
        published = f"{row.mean:.4f} ± {row.std:.4f}"
        if task.kind == "regression":
            scores = []
            for k in range(5):
                test = labels[folds == k]
                mean = np.full(len(test), labels[folds != k].mean())
                scores.append(board_scores(task.kind, test, mean)["mae"])
            found = over_folds(scores)
            ours = f"{found.mean:.4f} ± {found.std:.4f}"
            ours += ", equal" if ours == published else ", NOT EQUAL"
        else:
            shares = [labels[folds != k].mean() for k in range(5)]
            ones = [labels[folds == k].sum() for k in range(5)]
            zeros = [(1 - labels[folds == k]).sum() for k in range(5)]
            of_fold = [
                p * (1 - p) * (1 / a + 1 / b) / 4
                for p, a, b in zip(shares, ones, zeros, strict=True)
            ]
            ours = f"0.5 expected, ± {np.sqrt(sum(of_fold)) / 5:.4f} by chance"
        print(f"| {task.name} | {task.rows:,} | {task.metric} | {published} | {ours} |")


if __name__ == "__main__":
    main()
