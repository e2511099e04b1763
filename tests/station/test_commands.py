"""Every command on a field vault: it works without reading, or says what a field vault can't do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.cli.runner import PASSPHRASE, Result, call, check_schema

from evidence_vault.core.card import parse_card
from evidence_vault.errors import EvidenceError, FormatError, VaultError


@dataclass(frozen=True)
class Laid:
    """A desk and a field vault of it, made through the command line, with one item."""

    base: Path
    words: str

    def call(self, vault: str, *arguments: object) -> Result:
        head = ("--vault", self.base / vault, "--passphrase-file", self.base / "pw")
        return call(*head, "--by", "keeper-1", *arguments)

    def item(self) -> str:
        return str(self.call("field", "list", "--json").json()["items"][0]["id"])


@pytest.fixture
def laid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Laid:
    monkeypatch.setenv("EVIDENCE_VAULT_EXIFTOOL", "off")
    (tmp_path / "pw").write_text(PASSPHRASE + "\n")
    here = Laid(tmp_path, "")
    assert here.call("desk", "init", tmp_path / "desk", "--org", "Test House").status == 0
    card = here.call("desk", "key", "card", "-o", tmp_path / "card.json", "--json")
    assert card.status == 0, card.err
    check_schema("key-card", card.json())
    made = here.call(
        "field",
        *("init", tmp_path / "field", "--station", tmp_path / "card.json", "--json"),
        *("--fingerprint", " ".join(card.json()["fingerprint_words"])),
    )
    assert made.status == 0, made.err
    check_schema("init", made.json())
    assert made.json()["readers"] == card.json()["readers"]
    (tmp_path / "note.txt").write_text("What was seen.\n")
    taken = here.call("field", "ingest", tmp_path / "note.txt", "--json")
    assert taken.status == 0, taken.err
    check_schema("ingest", taken.json())
    return Laid(tmp_path, " ".join(card.json()["fingerprint_words"]))


def test_what_works_without_reading(laid: Laid) -> None:
    item = laid.item()
    for words, schema in {
        ("list",): "list",
        ("show", item): "show",
        ("history", item): "history",
        ("describe", item, "--place", "MMR"): "describe",
        ("fixity", "--all"): "fixity",
        ("log", "status"): "log-status",
        ("log", "audit"): "log-audit",
        ("log", "checkpoint"): "log-checkpoint",
        ("key", "list"): "key-list",
        ("rebuild",): "rebuild",
        ("doctor",): "doctor",
    }.items():
        done = laid.call("field", *words, "--json")
        assert done.status == 0, (words, done.out, done.err)
        check_schema(schema, done.json())
        assert laid.call("field", *words).status == 0
    history = laid.call("field", "history", item, "--json").json()
    assert [e["type"] for e in history["events"]] == [
        "ingested",
        *2 * ["described"],
        *2 * ["fixity-checked"],
    ]
    assert all(e["withheld"] and not e["fields"] for e in history["events"])
    units = laid.call("field", "show", item, "--json").json()["units"]
    assert [u["kind"] for u in units if u["stored_bytes"]] == ["content"]


def test_what_only_a_desk_can_do_is_refused_by_name_and_leaves_no_event(laid: Laid) -> None:
    item, out = laid.item(), laid.base / "out"
    before = laid.call("field", "log", "status", "--json").json()["committed"]
    for words in (
        ("get", item, "-o", out),
        ("receipt", item, "-o", out),
        ("export", "--all", "--clear", "-o", out),
        ("export", "--all", "--originals", "--clear", "-o", out),
        ("search", "note"),
        ("derive", item, "--share-copy"),
        ("derive", item, "--check"),
        ("search", "--digest", "0" * 64),
        ("key", "card", "-o", out),
        ("describe", "XXXX-A00001", "--place", "MMR"),
    ):
        done = laid.call("field", *words, "--json")
        assert (done.status, done.json()["code"]) == (14, "E-STATION"), (words, done.out)
        assert "field vault" in done.json()["message"]
        assert not out.exists()
    assert laid.call("field", "log", "status", "--json").json()["committed"] == before


def test_nothing_is_made_before_somebody_compared_the_card(laid: Laid) -> None:
    target = laid.base / "second"
    start = ("init", target, "--station", laid.base / "card.json", "--json")
    for more, code in (
        ((), "E-FINGERPRINT-NEEDED"),
        (("--fingerprint", "0" * 64), "E-FINGERPRINT"),
        (("--fingerprint", laid.words, "--plaintext"), "E-USAGE"),
        (("--fingerprint", laid.words, "--org", "Other"), "E-USAGE"),
    ):
        done = laid.call("second", *start, *more)
        assert done.status in (2, 10)
        assert done.json()["code"] == code
        assert not target.exists()


def test_a_changed_card_is_refused_wherever_it_was_changed(laid: Laid) -> None:
    data = (laid.base / "card.json").read_bytes()
    assert parse_card(data).org == "Test House"
    for position in [*range(0, len(data), 37), len(data) - 1]:
        changed = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        with pytest.raises((FormatError, EvidenceError, VaultError)):
            parse_card(changed)
    for length in (0, 1, len(data) // 2, len(data) - 1):
        with pytest.raises(VaultError):
            parse_card(data[:length])


def test_an_unencrypted_desk_makes_no_card(laid: Laid) -> None:
    made = laid.call("plain", "init", laid.base / "plain", "--org", "Test House", "--plaintext")
    assert made.status == 0
    done = laid.call("plain", "key", "card", "-o", laid.base / "c", "--json")
    assert (done.status, done.json()["code"]) == (2, "E-PLAINTEXT")
