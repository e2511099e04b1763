"""Crash points of the write order, so that tests can kill the program at each numbered step."""

from __future__ import annotations

import os
import signal

from evidence_vault.config import fault_point


def step(name: str) -> None:
    """Die at once (SIGKILL) when EVIDENCE_VAULT_FAULT names this step; else do nothing.

    ``NAME`` dies at the first passage, ``NAME:3`` at the third.
    """
    wanted = fault_point()
    if wanted is None:
        return
    label, _, count = wanted.partition(":")
    if label != name:
        return
    _PASSED[name] = _PASSED.get(name, 0) + 1
    if _PASSED[name] >= int(count or 1):
        os.kill(os.getpid(), signal.SIGKILL)


_PASSED: dict[str, int] = {}
