"""CIF files to a table of predictions, end to end, with two workers, beside the published route.

What is timed is what ``stratus predict FOLDER -o OUT.csv --workers 2`` does once the model is
loaded: starting the workers, reading, symmetry, the encoders, writing. The published route is
pymatgen's ``Structure.from_file`` and ``SpacegroupAnalyzer``, then BERT-base of transformers on
the strings (with fresh weights), in batches of 32, in one process.

    python bench/predict_cif.py [--data DIR] [--files 3000] [--model BUNDLE] [--members 4]
    python bench/predict_cif.py --encoder bond-graph --members 1 --published 0

Without the data folder the files are crystals that the script makes up; without a model it is one
of 4 members with fresh weights, as large as the one that comes with the package may be, or of
another encoder in the sizes that are usual for it. The last line is our crystals per second over
the 300 that are promised, 200 of other encoders; it must stay above 1.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

from stratus.encoders.table import DEFAULT_ENCODER

PROMISED = {DEFAULT_ENCODER: 300.0}
PROMISED_OF_OTHERS = 200.0
BATCH = 32


def published_seconds(paths: list[Path]) -> float:
    """Return the wall time of the published route."""
    import torch
    from encode_cif import published
    from transformers import BertConfig, BertModel

    bert = BertModel(BertConfig(vocab_size=1000)).eval()
    begin = time.perf_counter()
    strings = [published(path).split() for path in paths]
    with torch.inference_mode():
        for start in range(0, len(strings), BATCH):
            some = strings[start : start + BATCH]
            longest = max(map(len, some)) + 2
            ids = torch.ones(len(some), longest, dtype=torch.int64)
            mask = torch.tensor([[k < len(s) + 2 for k in range(longest)] for s in some])
            bert(input_ids=ids, attention_mask=mask.long())
    return time.perf_counter() - begin


def processor_seconds() -> float:
    """Return the processor time of this process and of its workers that have ended."""
    now = os.times()
    return now.user + now.system + now.children_user + now.children_system


def main() -> None:
    """Time both routes."""
    from encode_cif import write_files
    from real_sets import DATA
    from untrained import save_untrained

    import stratus
    from stratus.inference.inputs import PredictOptions
    from stratus.inference.jobs.predict import predict_corpus

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--files", type=int, default=3000)
    parser.add_argument("--model")
    parser.add_argument("--encoder", default=DEFAULT_ENCODER, help="of the fresh weights")
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--published", type=int, default=100, help="files of the published route")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("moyo").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "cifs")
        folder.mkdir()
        origin, paths = write_files(folder, arguments.data, arguments.files)
        if arguments.model is None:
            save_untrained(Path(name, "model"), arguments.encoder, arguments.members)
        model = stratus.load(arguments.model or str(Path(name, "model")))
        predict_corpus(paths[:10], Path(name, "warm.csv"), model, options=PredictOptions(workers=0))
        before = processor_seconds()
        done = predict_corpus(
            [folder], Path(name, "out.csv"), model, options=PredictOptions(workers=2)
        )
        spent = processor_seconds() - before
        print(f"{len(paths)} files: {origin}; {done.rows} rows, {done.rejects or 'no rejects'}")
        print(f"{model!r}, {len(model.model.members)} members")
        each = 1e6 / done.rate
        print(f"stratus    {done.rate:>8.0f} crystals/s {each:>8.0f} us each, two workers")
        quiet = 2 * done.rows / spent
        print(f"           {quiet:>8.0f} crystals/s if two cores did nothing else")
        print(f"           {1e3 * spent / done.rows:>8.1f} ms of a processor for each crystal")
        if arguments.published:
            some = paths[: arguments.published]
            rate = len(some) / published_seconds(some)
            print(f"published  {rate:>8.0f} crystals/s {1e6 / rate:>8.0f} us each, one process")
    promised = PROMISED.get(model.model.architecture, PROMISED_OF_OTHERS)
    print(f"ratio: {done.rate / promised:.2f}")


if __name__ == "__main__":
    sys.exit(main())
