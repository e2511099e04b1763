"""Work over several processes: order, errors, and a worker that is killed.

The tasks are texts for ``eval``: a worker process can't import this file.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Generator, Iterator

import pytest

from evidence_vault.errors import StoreError
from evidence_vault.vault.spreading import spread

from .vaults import Made

PROCESS = "__import__('os').getpid()"


def test_results_come_in_the_order_of_the_tasks_and_from_other_processes() -> None:
    found = list(spread(eval, [f"({number}, {PROCESS})" for number in range(100)]))
    assert [number for number, _ in found] == list(range(100))
    assert os.getpid() not in {process for _, process in found}


def test_one_task_is_done_here_and_none_is_none() -> None:
    assert list(spread(eval, [PROCESS])) == [os.getpid()]
    assert list(spread(eval, [])) == []


def test_what_a_task_raises_is_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        list(spread(eval, [f"1 / ({number} - 30)" for number in range(100)]))


def test_a_killed_worker_is_said_to_have_died() -> None:
    with pytest.raises(StoreError) as caught:
        list(spread(eval, ["1", f"__import__('os').kill({PROCESS}, 9)", "1"]))
    assert caught.value.code == "E-WORKER-DIED"


def test_no_more_than_a_few_tasks_are_taken_ahead() -> None:
    taken: list[str] = []

    def tasks() -> Iterator[str]:
        for number in range(1000):
            taken.append(str(number))
            yield str(number)

    results = spread(eval, tasks())
    assert next(results) == 0
    assert len(taken) < 200
    assert isinstance(results, Generator)
    results.close()


def test_a_log_sent_to_another_process_takes_nothing_along_that_was_read(vault: Made) -> None:
    with vault.open() as opened:
        opened.entry_zero()
        assert len(opened.log.contents(opened.log.commit(0))) == 1
        data = pickle.dumps(opened.log)
    assert len(data) < 1000
    assert pickle.loads(data).commit(0).start == 0
