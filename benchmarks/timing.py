"""Interleaved medians of wall time, and peak memory in a process of its own."""

import csv
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def interleaved(candidates: dict[str, Callable[[], object]], rounds: int = 15) -> dict[str, list[float]]:
    """Seconds of each candidate, run in turn A B C A B C …, after one warm-up each."""
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for run in candidates.values():
        run()
    for _ in range(rounds):
        for name, run in candidates.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return times


def ratio(times: dict[str, list[float]], a: str, b: str) -> float:
    """The median over rounds of the ratio a/b, which a machine of varying speed leaves alone."""
    return statistics.median(x / y for x, y in zip(times[a], times[b], strict=True))


def in_process(module: str, *arguments: str) -> dict:
    """Run a module in a fresh process that prints one line of JSON last."""
    done = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def write(name: str, rows: list[dict]) -> None:
    """Write rows as CSV into results/, and print them."""
    RESULTS.mkdir(exist_ok=True)
    with open(RESULTS / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        print("  ".join(f"{k}={v}" for k, v in row.items()), flush=True)
