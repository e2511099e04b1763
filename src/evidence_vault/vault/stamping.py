"""The time stamps that a vault holds: where they lie, what they are worth, what is counted.

A stamp is over the bytes of ``evidence/<size>/checkpoint``, or over the list of a renewal. It
counts once it was checked here; the catalogue only remembers that. docs/format-time.md.
"""

from __future__ import annotations

import calendar
import hashlib
import time
from dataclasses import dataclass

from evidence_vault.core.findings import Outcome
from evidence_vault.core.proofclaim import NOT_CONFIGURED, PENDING, PRESENT
from evidence_vault.core.receipt import Renewal, Tokens
from evidence_vault.errors import NotFound, UsageError
from evidence_vault.log.proofs import RENEWAL, TIMESTAMP
from evidence_vault.seal.keyring import Authority
from evidence_vault.vault.opening import Vault
from evidence_vault.verify.renewals import CHECKPOINT, renewal_name, token_name
from evidence_vault.verify.timestamps import TokenCheck, check_token

MAX_RENEWALS = 64
_GAP = 3  # lists missing in a row after which no later one is looked for


@dataclass(frozen=True)
class Slot:
    """One place for a stamp: an authority over a checkpoint, or over the list of a renewal."""

    size: int
    authority: Authority
    renewal: int | None = None

    def name(self, kind: str) -> str:
        """File name below ``evidence/<size>/``; ``kind`` is tsq, tsr, pem or crl."""
        return token_name(self.authority.name, self.renewal).removesuffix("tsr") + kind

    @property
    def data_name(self) -> str:
        return CHECKPOINT if self.renewal is None else renewal_name(self.renewal)

    @property
    def proof(self) -> tuple[str, str]:
        """(kind, name) of its row in the catalogue."""
        if self.renewal is None:
            return TIMESTAMP, self.authority.name
        return RENEWAL, f"{self.renewal:04d}.{self.authority.name}"


def iso(seconds: int | None) -> str | None:
    """POSIX seconds as ``YYYY-MM-DDTHH:MM:SSZ``."""
    if seconds is None:
        return None
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def now_of(vault: Vault) -> int:
    """This machine's clock, POSIX seconds."""
    return calendar.timegm(time.strptime(vault.clock.now(), "%Y-%m-%dT%H:%M:%SZ"))


def active(vault: Vault) -> list[Authority]:
    """The authorities that are asked. Those removed later stay known, for what they stamped."""
    return [each for each in vault.keyring.authorities if each.url]


def newest_size(vault: Vault) -> int:
    """Entries under the newest signed checkpoint; raises UsageError before the first."""
    stored = vault.checkpoint()
    if stored is None:
        raise UsageError("there is no checkpoint yet", hint="run `evidence-vault log checkpoint`")
    return stored.checkpoint.size


def read_evidence(vault: Vault, size: int, name: str) -> bytes | None:
    """A file below ``evidence/<size>/`` of the current log, or None when it is not there."""
    try:
        return vault.log.read(vault.archive, vault.log.evidence_key(size, name))
    except NotFound:
        return None


def stamped_bytes(vault: Vault, slot: Slot) -> bytes:
    """What a stamp of this slot is over; raises UsageError when there is no such checkpoint."""
    data = read_evidence(vault, slot.size, slot.data_name)
    if data is None:
        raise UsageError(f"no checkpoint of {slot.size} entries was signed", code="E-NO-CHECKPOINT")
    return data


def check_reply(vault: Vault, slot: Slot, reply: bytes, lists: bytes | None = None) -> TokenCheck:
    """Check a reply for a slot, with the request, chain and revocation lists that are stored.

    ``lists``: revocation lists fetched just now, in place of stored ones.
    """
    data = read_evidence(vault, slot.size, slot.data_name)
    if data is None:
        return TokenCheck(Outcome.DIFFERS, "T-GONE", f"{slot.data_name}, which it is over, is gone")
    crl = lists if lists is not None else read_evidence(vault, slot.size, slot.name("crl"))
    pem = read_evidence(vault, slot.size, slot.name("pem"))
    return check_token(
        reply,
        data,
        slot.authority.roots,
        request=read_evidence(vault, slot.size, slot.name("tsq")),
        crls=() if crl is None else (crl,),
        certificates=() if pem is None else (pem.decode("ascii", "replace"),),
    )


def check_stored(vault: Vault, slot: Slot) -> tuple[bytes, TokenCheck] | None:
    """The stored reply of a slot and what it is worth; None when there is none."""
    reply = read_evidence(vault, slot.size, slot.name("tsr"))
    return None if reply is None else (reply, check_reply(vault, slot, reply))


def count_stamp(vault: Vault, slot: Slot, reply: bytes, check: TokenCheck) -> None:
    """Remember a stamp that matches; nothing happens for another."""
    if check.outcome is Outcome.MATCHES and check.gen_time is not None:
        digest = hashlib.sha256(reply).hexdigest()
        vault.catalogue.add_proof(slot.size, *slot.proof, check.gen_time, digest)


def timestamp_state(vault: Vault, size: int | None = None) -> str:
    """``not configured``, ``pending`` or ``present``: is the newest checkpoint stamped?

    ``size``: another checkpoint. A stored stamp is checked again before it is called present.
    Needs the keyring.
    """
    known = vault.keyring.authorities
    if size is None:
        stored = vault.checkpoint()
        size = 0 if stored is None else stored.checkpoint.size
    if any(_matches(vault, Slot(size, authority)) for authority in known if size):
        return PRESENT
    return PENDING if active(vault) else NOT_CONFIGURED


def tokens_of(vault: Vault, size: int) -> Tokens:
    """(authority, reply) of each stored stamp over a checkpoint that matches, by name."""
    return _tokens(vault, size, None)


def renewals_of(vault: Vault, size: int) -> tuple[Renewal, ...]:
    """The renewals of a checkpoint's stamps that were themselves stamped, in their order."""
    found = []
    for number in range(1, MAX_RENEWALS + 1):
        manifest = read_evidence(vault, size, renewal_name(number))
        tokens = () if manifest is None else _tokens(vault, size, number)
        if manifest is None or not tokens:
            break
        found.append(Renewal(manifest, tokens))
    return tuple(found)


def slots_of(vault: Vault, size: int) -> list[Slot]:
    """Every slot of a checkpoint that may hold a stamp, found by probing, not by listing."""
    numbers: list[int | None] = [None, *renewal_numbers(vault, size)]
    known = vault.keyring.authorities
    return [Slot(size, authority, number) for number in numbers for authority in known]


def renewal_numbers(vault: Vault, size: int) -> list[int]:
    """Numbers of the renewals whose list is stored; beyond a small gap, too."""
    found: list[int] = []
    for number in range(1, MAX_RENEWALS + 1):
        if read_evidence(vault, size, renewal_name(number)) is not None:
            found.append(number)
        elif number - (found[-1] if found else 0) >= _GAP:
            break
    return found


def collect_stamps(vault: Vault) -> int:
    """Find the stamps of the current log in the store again and count those that match.

    The end of each commit is looked at, where alone a checkpoint can be, for each authority the
    keyring knows; a listing is not needed. Returns how many match. Cost: a few probes a commit.
    """
    known = vault.keyring.authorities
    if not known:
        return 0
    found = 0
    for commit in vault.log.commits(0):
        if read_evidence(vault, commit.end, CHECKPOINT) is None:
            continue
        for slot in slots_of(vault, commit.end):
            stored = check_stored(vault, slot)
            if stored is not None and stored[1].outcome is Outcome.MATCHES:
                count_stamp(vault, slot, *stored)
                found += 1
    return found


def _tokens(vault: Vault, size: int, renewal: int | None) -> Tokens:
    found = []
    for authority in sorted(vault.keyring.authorities, key=lambda a: a.name):
        stored = check_stored(vault, Slot(size, authority, renewal))
        if stored is not None and stored[1].outcome is Outcome.MATCHES:
            found.append((authority.name, stored[0]))
    return tuple(found)


def _matches(vault: Vault, slot: Slot) -> bool:
    stored = check_stored(vault, slot)
    return stored is not None and stored[1].outcome is Outcome.MATCHES
