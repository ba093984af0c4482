"""Print what every encoder of the package claims, and what was measured of it."""

from __future__ import annotations

import argparse

from stratus.testing import own_suites, report


def main() -> None:
    """Measure and print; end with 1 if a claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of weights and crystals")
    arguments = parser.parse_args()
    found = [one for suite in own_suites(arguments.seed) for one in suite.measurements()]
    print(report(found))
    broken = [str(one) for one in found if one.broken]
    print(f"\n{sum(one.claimed for one in found)} claims, {len(broken)} broken", *broken, sep="\n")
    raise SystemExit(bool(broken))


if __name__ == "__main__":
    main()
