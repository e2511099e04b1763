"""Work spread over all cores: tasks in order, results in order, a bounded number in flight."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from multiprocessing.context import BaseContext
from typing import TypeVar

from evidence_vault import osfiles
from evidence_vault.errors import StoreError

Task = TypeVar("Task")
Result = TypeVar("Result")

_IN_FLIGHT = 4
"""Tasks for each worker that are under way or finished and not yet asked for."""


def spread(
    function: Callable[[Task], Result], tasks: Iterable[Task], modules: Sequence[str] = ()
) -> Iterator[Result]:
    """``function`` of each task, in the order of the tasks.

    A single task is done in this process, more of them in one worker process for each core:
    function, tasks and results are pickled. ``modules`` are loaded once for all workers. What a
    task raises is raised here. Raises StoreError (E-WORKER-DIED) when a worker is killed.
    """
    waiting = iter(tasks)
    first = list(islice(waiting, 2))
    if len(first) < 2:
        yield from map(function, first)
        return
    cores = osfiles.usable_cores()
    pool = ProcessPoolExecutor(cores, worker_context(modules), initializer=start_worker)
    flying: deque[Future[Result]] = deque()
    try:
        for task in chain(first, waiting):
            flying.append(pool.submit(function, task))
            if len(flying) >= _IN_FLIGHT * cores:
                yield flying.popleft().result()
        while flying:
            yield flying.popleft().result()
    except BrokenProcessPool as error:
        raise worker_died() from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def worker_context(modules: Sequence[str]) -> BaseContext:
    """How worker processes are started. Where a server forks them, it loads ``modules`` first:
    once, not once for each worker."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(modules))
    return context


def start_worker() -> None:
    """Initialise a worker process: Ctrl-C is the parent's business; it ends with the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    osfiles.private_umask()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def worker_died() -> StoreError:
    """What is said when a worker process is gone."""
    return StoreError(
        "a worker process died (out of memory, or ended by somebody)",
        code="E-WORKER-DIED",
        hint="run the same command again: what was taken in is skipped",
    )


def _end_with_parent() -> None:
    """A parent that was killed can't tell its workers: what they staged would stay locked."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
