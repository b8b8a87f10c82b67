"""Independent trainings side by side: a process each, with an equal share of the cores.

Small networks leave most of a second core idle: two trainings of one thread each finish sooner than one after another.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing.connection import wait

import torch


def default_workers(jobs: int) -> int:
    """How many trainings run side by side: one a core, on machines without an accelerator; else one after the other."""
    if torch.accelerator.is_available() or "RANK" in os.environ:
        return 1
    return max(1, min(jobs, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1))


def side_by_side(jobs: Sequence[tuple[str, Callable[[], object]]], workers: int) -> None:
    """Run named, picklable jobs in fresh processes, the first ones first.

    What a job logs appears with its name in front. If this process dies the others end at once, so that no training
    goes on unseen. The first exception in a job ends the others and is raised.
    """
    threads = max(1, torch.get_num_threads() // workers)
    level = logging.getLogger("torsor.train").getEffectiveLevel()
    context = multiprocessing.get_context("spawn")
    strangers = set(multiprocessing.active_children())
    with ProcessPoolExecutor(workers, context, _begin, (threads,)) as pool:
        futures = [pool.submit(_named, name, level, job) for name, job in jobs]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in set(multiprocessing.active_children()) - strangers:
                child.terminate()
            raise


def _begin(threads: int) -> None:
    torch.set_num_threads(threads)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _named(name: str, level: int, job: Callable[[], object]) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(f"{name}: %(message)s"))
    log = logging.getLogger("torsor.train")
    log.handlers, log.propagate = [handler], False
    log.setLevel(level)
    job()
