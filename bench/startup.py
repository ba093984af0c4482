"""How long it takes to start: ``import stratus`` and ``stratus --help``.

Each in a fresh interpreter, side by side with what the same user would otherwise start:
``import pymatgen.core``, the first step of the published route.

Run: ``python bench/startup.py [REPEATS]``. The last line is ``ratio: X``, the median time of
``import pymatgen.core`` over that of ``import stratus``, interpreter start included in both.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

CASES = {
    "python, nothing imported": ["-c", "pass"],
    "import stratus": ["-c", "import stratus"],
    "stratus --help": ["-m", "stratus", "--help"],
    "import pymatgen.core": ["-c", "import pymatgen.core"],
}


def seconds(arguments: list[str]) -> float:
    """Return the wall time of one run."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main(repeats: int) -> None:
    """Time the cases in turn, so that a busy moment falls on all of them."""
    for arguments in CASES.values():  # the first run fills the disk cache
        seconds(arguments)
    times: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(repeats):
        for name, arguments in CASES.items():
            times[name].append(seconds(arguments))
    print(f"{'':28}median   fastest   ({repeats} runs each, fresh interpreter)")
    for name, values in times.items():
        print(f"{name:26}{statistics.median(values):7.3f} s {min(values):7.3f} s")
    median = {name: statistics.median(values) for name, values in times.items()}
    floor = median["python, nothing imported"]
    print(f"import stratus alone: {median['import stratus'] - floor:.3f} s")
    print(f"ratio: {median['import pymatgen.core'] / median['import stratus']:.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
