"""Our cosigned checkpoints under the note library of the Go checksum database."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.tlog.gosumdb import SOURCE as SUMDB
from tests.tlog.gosumdb import build

from evidence_vault.vault.cosignatures import countersigned_note

from .conftest import MakeHouse
from .houses import House

SOURCE = SUMDB.parent.parent / "cosigned" / "main.go"


def run(note: Path, *vkeys: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [build(SOURCE), str(note), *vkeys], capture_output=True, text=True, check=False
    )


def test_go_accepts_a_checkpoint_with_our_cosignatures(
    make_house: MakeHouse, log: House, witness: House
) -> None:
    others = [make_house(name) for name in "ab"]
    for house in others:
        house.init_witness()
        house.pin(log)
        log.pin(house)
    log.grow()
    request = log.request()
    log.take(*(house.cosign(request)[1] for house in (witness, *others)))
    with log.open() as vault:
        point = vault.checkpoint()
        assert point is not None
        note = log.file("note")
        note.write_bytes(countersigned_note(vault, point.checkpoint.size))
        own = vault.keyring.log_signers()[0].vkey
        keys = [peer.witness_keys[0] for peer in vault.keyring.peers]
    done = run(note, own, *keys)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "ok"
    assert len(done.stdout.splitlines()) == 4

    note.write_bytes(note.read_bytes().replace(f"\n{point.checkpoint.size}\n".encode(), b"\n9\n"))
    assert run(note, own, *keys).returncode == 1
