"""Trust policies: whose cosignatures count, and how many (C2SP tlog-policy).

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> <k>|all|any <member> ...        members stand on earlier lines, each used once
    quorum <witness or group name>|none          exactly once

``parse_policy`` reads what strangers send; ``format_policy`` writes one spelling of it. A policy
says nothing by itself: it counts because of the signed document or trust file it stands in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evidence_vault.core.note import KeyType, VerifierKey, format_vkey, parse_vkey
from evidence_vault.errors import FormatError

MAX_POLICY = 1_000_000
MAX_LINES = 1_000

_BYTES = re.compile(r"[\t\n\x20-\x7e\x80-\U0010ffff]*\Z")
_NUMBER = re.compile(r"[1-9][0-9]{0,3}\Z")


@dataclass(frozen=True, slots=True)
class PolicyLog:
    """A log that the policy speaks of."""

    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyWitness:
    """One key that may cosign; an organisation with two keys is a group of two witnesses."""

    name: str
    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyGroup:
    """Satisfied when at least ``threshold`` of ``members`` are, 1 <= threshold <= len(members)."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A parsed policy. ``quorum`` names a witness or group; None means that none is asked for."""

    logs: tuple[PolicyLog, ...]
    witnesses: tuple[PolicyWitness, ...] = ()
    groups: tuple[PolicyGroup, ...] = ()
    quorum: str | None = None

    @property
    def witness_keys(self) -> tuple[VerifierKey, ...]:
        """The keys whose cosignatures count."""
        return tuple(witness.key for witness in self.witnesses)

    def satisfied_by(self, cosigners: Iterable[VerifierKey]) -> bool:
        """True when checked cosignatures by these keys reach the quorum.

        ``cosigners`` are keys whose signatures were verified; True also for ``quorum none``.
        """
        return self.quorum is None or self.quorum in self.met(cosigners)

    def met(self, cosigners: Iterable[VerifierKey]) -> frozenset[str]:
        """Names of the witnesses and groups that these keys satisfy."""
        present = set(cosigners)
        met = {witness.name for witness in self.witnesses if witness.key in present}
        for group in self.groups:  # members stand on earlier lines, so one pass is enough
            if sum(member in met for member in group.members) >= group.threshold:
                met.add(group.name)
        return frozenset(met)

    def counted(self) -> tuple[int, tuple[str, ...]]:
        """(how many are needed, names to choose from) at the quorum itself; (0, ()) for none."""
        for group in self.groups:
            if group.name == self.quorum:
                return group.threshold, group.members
        return (0, ()) if self.quorum is None else (1, (self.quorum,))


def parse_policy(text: str) -> Policy:
    """Read a policy; raises FormatError (E-POLICY-FORM) naming the line, or for a bad key."""
    if len(text) > MAX_POLICY or not _BYTES.match(text):
        raise FormatError("a policy is too long or has control characters", code="E-POLICY-FORM")
    reader = _Reader()
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    if len(lines) > MAX_LINES:
        raise FormatError(f"a policy has at most {MAX_LINES} lines", code="E-POLICY-FORM")
    for number, line in enumerate(lines, start=1):
        words = re.split(r"[ \t]+", line.strip(" \t"))
        if words != [""] and not words[0].startswith("#"):
            reader.line(number, words)
    return reader.end()


def format_policy(policy: Policy) -> str:
    """The policy as text; the inverse of :func:`parse_policy` for what it returns."""
    lines = [_join("log", format_vkey(log.key), log.url) for log in policy.logs]
    lines += [_join("witness", w.name, format_vkey(w.key), w.url) for w in policy.witnesses]
    for group in policy.groups:
        count, size = group.threshold, len(group.members)
        rule = "all" if count == size else "any" if count == 1 else str(count)
        lines.append(_join("group", group.name, rule, *group.members))
    lines.append(_join("quorum", policy.quorum or "none"))
    return "".join(line + "\n" for line in lines)


def plain_policy(log_keys: Sequence[VerifierKey]) -> Policy:
    """The policy of a log without countersigners."""
    return Policy(tuple(PolicyLog(key) for key in log_keys))


def network_policy(
    log_keys: Sequence[VerifierKey],
    organisations: Mapping[str, Sequence[VerifierKey]],
    threshold: int,
) -> Policy:
    """The policy of one log of a network: ``threshold`` of ``organisations`` must cosign.

    ``organisations``: the cosigner keys of each one, by a name without spaces; the log's own
    organisation is left out by the caller. One that has several keys must sign with all.
    """
    witnesses: list[PolicyWitness] = []
    groups: list[PolicyGroup] = []
    for name, keys in organisations.items():
        if len(keys) == 1:
            witnesses.append(PolicyWitness(name, keys[0]))
            continue
        own = []
        for key in keys:
            own.append(f"{name}-{'pq' if key.key_type is KeyType.MLDSA44 else 'ed'}")
            witnesses.append(PolicyWitness(own[-1], key))
        groups.append(PolicyGroup(name, len(own), tuple(own)))
    groups.append(PolicyGroup("network", threshold, tuple(organisations)))
    made = Policy(
        tuple(PolicyLog(key) for key in log_keys), tuple(witnesses), tuple(groups), "network"
    )
    parse_policy(format_policy(made))  # what a reader would refuse is never written
    return made


class _Reader:
    """Collects the lines of a policy; every complaint names the line."""

    def __init__(self) -> None:
        self._logs: list[PolicyLog] = []
        self._witnesses: list[PolicyWitness] = []
        self._groups: list[PolicyGroup] = []
        self._free: set[str] = set()  # names that no group has used yet
        self._names: set[str] = set()
        self._quorum: list[str] = []
        self._number = 0

    def line(self, number: int, words: list[str]) -> None:
        self._number = number
        read = {
            "log": self._log,
            "witness": self._witness,
            "group": self._group,
            "quorum": self._quorum_line,
        }.get(words[0])
        if read is None:
            raise self._wrong(f"unknown word {words[0]!r}")
        read(words[1:])

    def end(self) -> Policy:
        if len(self._quorum) != 1:
            raise FormatError("a policy has exactly one quorum line", code="E-POLICY-FORM")
        quorum = None if self._quorum[0] == "none" else self._quorum[0]
        return Policy(tuple(self._logs), tuple(self._witnesses), tuple(self._groups), quorum)

    def _log(self, words: list[str]) -> None:
        self._expect(len(words) in (1, 2), "log takes a key and perhaps an address")
        key = self._key(words[0])
        self._expect(
            all(key.public_key != log.key.public_key for log in self._logs),
            "the same key stands twice among the logs",
        )
        self._logs.append(PolicyLog(key, words[1] if len(words) == 2 else None))

    def _witness(self, words: list[str]) -> None:
        self._expect(len(words) in (2, 3), "witness takes a name, a key and perhaps an address")
        self._name(words[0])
        key = self._key(words[1])
        self._expect(
            key.key_type is not KeyType.ED25519, "a key of type 0x01 signs logs, not cosignatures"
        )
        self._expect(
            all(key.public_key != each.key.public_key for each in self._witnesses),
            "the same key stands twice among the witnesses",
        )
        url = words[2] if len(words) == 3 else None
        self._witnesses.append(PolicyWitness(words[0], key, url))

    def _group(self, words: list[str]) -> None:
        self._expect(len(words) >= 3, "group takes a name, a number and its members")
        name, rule, members = words[0], words[1], words[2:]
        self._name(name)
        for member in members:
            self._expect(member in self._free, f"{member!r} is unknown or used already")
            self._free.discard(member)
        threshold = {"all": len(members), "any": 1}.get(rule)
        if threshold is None:
            self._expect(_NUMBER.match(rule) is not None, f"{rule!r} is not a number, all or any")
            threshold = int(rule)
        self._expect(threshold <= len(members), "more are demanded than there are members")
        self._groups.append(PolicyGroup(name, threshold, tuple(members)))

    def _quorum_line(self, words: list[str]) -> None:
        self._expect(len(words) == 1, "quorum takes one name, or none")
        self._expect(words[0] == "none" or words[0] in self._names, f"{words[0]!r} is unknown")
        self._quorum.append(words[0])

    def _name(self, name: str) -> None:
        self._expect(name != "none" and name not in self._names, f"the name {name!r} is taken")
        self._names.add(name)
        self._free.add(name)

    def _key(self, text: str) -> VerifierKey:
        return parse_vkey(text)

    def _expect(self, condition: bool, message: str) -> None:
        if not condition:
            raise self._wrong(message)

    def _wrong(self, message: str) -> FormatError:
        return FormatError(f"policy, line {self._number}: {message}", code="E-POLICY-FORM")


def _join(*words: str | None) -> str:
    return " ".join(word for word in words if word is not None)
