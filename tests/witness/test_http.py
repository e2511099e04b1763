"""The same over HTTP, with a real server: every row of the table, limits, and the asking client."""

from __future__ import annotations

import http.client
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from evidence_vault.core.checkpoint import open_checkpoint
from evidence_vault.core.exchange import MAX_REQUEST, parse_answer, parse_request
from evidence_vault.core.note import Note, NoteSignature, format_note, parse_note, parse_vkey
from evidence_vault.errors import StoreError, VaultError
from evidence_vault.vault import serving
from evidence_vault.vault.countersigning import origin_hex
from evidence_vault.vault.roundtrip import witness_ask
from evidence_vault.vault.serving import WitnessServer

from .conftest import MakeHouse
from .houses import House, SetClock


@dataclass
class Served:
    """A countersigner that listens; ``said``: its log."""

    port: int
    said: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def send(self, method: str, path: str, body: bytes | None = None) -> tuple[int, str, bytes]:
        """(status, content type, body)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body)
            reply = connection.getresponse()
            return reply.status, reply.headers.get("Content-Type", ""), reply.read()
        finally:
            connection.close()

    def add(self, body: bytes) -> tuple[int, str, bytes]:
        return self.send("POST", "/add-checkpoint", body)


@contextmanager
def serve(house: House) -> Iterator[Served]:
    said: list[str] = []
    with house.open() as vault:
        server = WitnessServer(vault, "127.0.0.1", 0, said.append)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Served(server.server_address[1], said)
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.fixture
def served(witness: House) -> Iterator[Served]:
    witness.clock = SetClock("2026-11-23T10:00:00Z")
    with serve(witness) as listening:
        yield listening


def ask(house: House) -> dict[str, Any]:
    with house.open() as vault:
        return witness_ask(vault)


def test_every_row_of_the_table_is_the_same_over_http_and_by_file(
    log: House, witness: House, make_house: MakeHouse
) -> None:
    """One countersigner is asked over HTTP, its twin by file, with the same bytes."""
    stranger = make_house("stranger")
    size = log.grow(2)
    cheat = log.evil()
    first = log.request(witness).read_bytes()
    log.grow()
    second = log.request(witness, old=size).read_bytes()
    note = parse_note(parse_request(first).checkpoint)
    bad = [NoteSignature(s.name, s.key_id, s.signature[::-1]) for s in note.signatures]
    rows = [
        (400, b"old 0\n\n"),
        (400, second.replace(b"old 5", b"old 99")),
        (404, stranger.request(old=0).read_bytes()),
        (403, b"old 0\n\n" + format_note(Note(note.text, tuple(bad)))),
        (409, second),
        (422, first.replace(b"old 0\n\n", b"old 0\n" + b"A" * 43 + b"=\n\n")),
        (200, first),
        (409, first),
        (422, cheat.request(cheat.branch(3, 9), size).read_bytes()),
        (422, cheat.request(cheat.branch(3, size), size).read_bytes()),
        (422, second.replace(b"\n\n", b"\n" + b"A" * 43 + b"=\n\n", 1)),
        (200, second),
    ]
    twin = House(witness.folder.parent / "twin", SetClock("2026-11-23T10:00:00Z"))
    witness.clock = twin.clock
    twin.folder.mkdir()
    shutil.copytree(witness.vault, twin.vault)
    over_http, by_file = [], []
    with serve(witness) as listening:
        over_http = [listening.add(body) for _, body in rows]
    assert [status for status, _, _ in over_http] == [status for status, _ in rows]
    lay_pin(twin)  # the same countersigner twice: only a test may do that
    for _, body in rows:
        path = twin.file("request")
        path.write_bytes(body)
        try:
            result, answer = twin.cosign(path)
            data = answer.read_bytes() if result["file"] else None
            by_file.append((result["status"], data))
        except VaultError as error:
            by_file.append((error.code, None))
    for (status, kind, body), (other, data) in zip(over_http, by_file, strict=True):
        if status == 200:
            assert data is not None
            # Ed25519 signs alike; ML-DSA draws randomness, so only its name is compared.
            assert body.splitlines()[0] == data.splitlines()[0]
            lines = parse_answer(body)
            assert [(s.name, s.key_id) for s in lines] == [
                (s.name, s.key_id) for s in parse_answer(data)
            ]
            assert all(int.from_bytes(s.signature[:8], "big") == 1795428000 for s in lines)
        elif status == 409:
            assert (kind, body, other) == ("text/x.tlog.size", data, 409)
        elif status == 422:
            assert (other, data) == (422, None)
        else:
            assert isinstance(other, str)
    assert sorted(page["kind"] for page in witness.status()["misbehaviour"]) == sorted(
        page["kind"] for page in twin.status()["misbehaviour"]
    )


def lay_pin(twin: House) -> None:
    """Make the pins of a copied countersigner those of its own state."""
    from evidence_vault.vault.countersigning import open_state
    from evidence_vault.vault.witness_pins import pin_of, write_witness_pins

    with twin.open() as vault, open_state(vault).transaction() as state:
        write_witness_pins(twin.vault, pin_of(state), vault.keyring)


def test_an_empty_tree_with_another_root_is_answered_422(log: House, served: Served) -> None:
    from evidence_vault.core.note import encode_base64

    with log.open() as vault:
        signer = vault.keyring.log_signers()[0]
    text = f"{signer.name}\n0\n{encode_base64(bytes(32))}\n"
    line = NoteSignature(signer.name, parse_vkey(signer.vkey).key_id, signer.sign(text.encode()))
    body = b"old 0\n\n" + format_note(Note(text, (line,)))
    assert served.add(body)[0] == 422
    spoilt = NoteSignature(line.name, line.key_id, bytes(64))
    assert served.add(b"old 0\n\n" + format_note(Note(text, (spoilt,))))[0] == 403


def test_the_newest_cosigned_checkpoint_can_be_fetched(
    log: House, witness: House, served: Served
) -> None:
    path = f"/{origin_hex(log.origin())}/checkpoint"
    assert served.send("GET", path)[0] == 404
    size = log.grow()
    assert served.add(log.request(witness).read_bytes())[0] == 200
    status, _, note = served.send("GET", path)
    assert status == 200
    with log.open() as vault:
        keys = vault.entry_zero().log_keys()
    with witness.open() as vault:
        assert vault.keyring.witness is not None
        cosigners = [parse_vkey(text) for text in vault.keyring.witness.vkeys()]
    opened = open_checkpoint(note, keys, cosigners)
    assert (opened.checkpoint.size, len(opened.log_signatures)) == (size, 2)
    assert len(opened.cosignatures) == 2


def test_other_addresses_and_sizes_are_refused_and_nothing_is_told(
    log: House, witness: House, served: Served
) -> None:
    assert served.send("GET", "/")[0] == 404
    assert served.send("GET", "/../../etc/passwd")[0] == 404
    assert served.send("POST", "/secret-name", b"x")[0] == 404
    assert served.send("PUT", "/add-checkpoint", b"x")[0] == 501
    for head, status in (
        (f"Content-Length: {MAX_REQUEST + 1}", 413),
        ("Content-Length: +5", 411),
        ("Content-Length: 1_0", 411),
        ("X: y", 411),
    ):
        with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
            connection.sendall(f"POST /add-checkpoint HTTP/1.0\r\n{head}\r\n\r\n".encode())
            assert f" {status} ".encode() in connection.makefile("rb").readline()
    told = "\n".join(served.said)
    assert "secret-name" not in told
    assert log.origin() not in told
    assert "127.0.0.1" not in told


def test_a_silent_client_is_cut_off_and_holds_nobody_up(
    log: House, witness: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "WHOLE_SECONDS", 0.5)
    monkeypatch.setattr(serving, "MAX_AT_ONCE", 2)
    log.grow()
    body = log.request(witness).read_bytes()
    with serve(witness) as listening:
        silent = []
        for _ in range(2):
            connection = socket.create_connection(("127.0.0.1", listening.port), timeout=30)
            head = f"POST /add-checkpoint HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\nold"
            connection.sendall(head.encode())
            silent.append(connection)
        for connection in silent:
            while connection.recv(4096):  # until the server ends it
                pass
            connection.close()
        monkeypatch.setattr(serving, "WHOLE_SECONDS", 60.0)
        for _ in range(1000):  # until the server, too, has noticed
            status = listening.add(body)[0]
            if status != 503:
                break
        assert status == 200


def test_a_server_with_a_lost_state_does_not_start_or_signs_nothing(
    log: House, witness: House
) -> None:
    log.grow()
    with serve(witness) as listening:
        (witness.vault / "witness.db").unlink()
        assert listening.add(log.request(witness).read_bytes())[0] == 503
        assert any("E-WITNESS-STATE" in line for line in listening.said)
    with pytest.raises(VaultError, match="does not countersign"), serve(witness):
        pass


def test_a_taken_port_is_said(witness: House, served: Served) -> None:
    with witness.open() as vault, pytest.raises(StoreError) as caught:
        WitnessServer(vault, "127.0.0.1", served.port, lambda _: None)
    assert caught.value.code == "E-LISTEN"


# -- the client ----------------------------------------------------------------------------------


def test_ask_learns_the_size_and_gets_its_countersignature(
    log: House, witness: House, served: Served
) -> None:
    log.pin(witness, url=served.url)
    first = log.grow()
    witness.cosign(log.request(witness))  # an answer that got lost: nothing is known of it here
    size = log.grow()
    result = ask(log)
    assert result["exit"] == 0
    assert [each["outcome"] for each in result["asked"]] == ["countersigned"]
    assert result["quorum"] == {"needed": 1, "of": [witness.origin()], "size": size}
    assert size > first
    assert ask(log)["exit"] == 0  # again: the same size, the same root


def test_whoever_is_unreachable_is_named_and_asked_again(
    log: House, witness: House, make_house: MakeHouse, served: Served
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = taken.getsockname()[1]
    other = make_house("other")
    other.init_witness()
    other.pin(log)
    by_hand = make_house("by-hand")
    by_hand.init_witness()
    log.pin(witness, url=served.url)
    log.pin(other, url=f"http://127.0.0.1:{closed}")
    log.pin(by_hand)
    log.grow()
    result = ask(log)
    outcomes = {each["origin"]: each["outcome"] for each in result["asked"]}
    assert outcomes == {
        witness.origin(): "countersigned",
        other.origin(): "unreachable",
        by_hand.origin(): "no address",
    }
    assert result["exit"] == 3
    with serve(other) as listening:
        log.pin(other, url=listening.url)
        outcomes = {e["origin"]: e["outcome"] for e in ask(log)["asked"]}
    assert outcomes[other.origin()] == "countersigned"


def test_ask_notices_that_this_vault_is_an_old_copy(
    log: House, witness: House, served: Served
) -> None:
    log.pin(witness, url=served.url)
    log.grow()
    shutil.copytree(log.vault, log.folder / "saved")
    log.grow()
    assert ask(log)["exit"] == 0
    shutil.rmtree(log.vault)
    (log.folder / "saved").rename(log.vault)
    result = ask(log)
    assert result["exit"] == 11
    assert [each["outcome"] for each in result["asked"]] == ["rolled back"]


class _Lying(BaseHTTPRequestHandler):
    answers: list[tuple[int, bytes]]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status, body = self.answers.pop(0) if self.answers else (500, b"")
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.mark.parametrize(
    "answers",
    [
        [(200, b"")],
        [(200, b"rubbish\n")],
        [(200, b"x" * 2_000_000)],
        [(302, b"")],
        [(409, b"99999999\n")],
        [(409, b"0\n"), (409, b"0\n")],
        [(422, b"no\n")],
        [(500, b"\xff" * 100)],
    ],
    ids=["empty", "rubbish", "endless", "elsewhere", "too-large", "loop", "refusal", "broken"],
)
def test_a_lying_server_gets_nothing_counted(
    log: House, witness: House, answers: list[tuple[int, bytes]]
) -> None:
    handler = type("Lying", (_Lying,), {"answers": answers})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        log.pin(witness, url=f"http://127.0.0.1:{server.server_address[1]}")
        log.grow()
        result = ask(log)
        server.shutdown()
        thread.join()
    assert result["exit"] in (3, 10)
    assert [each["outcome"] for each in result["asked"]] == ["refused"]
    assert result["stored"] == []
