"""PREMIS 3: vocabulary of id.loc.gov, and the identifiers by which objects, events and agents link.

item        home/QVRM-0000042              the evidence itself (intellectual entity)
original    home/QVRM-0000042              the bytes as they came in (file)
in this bag data/QVRM-0000042.jpg          a file that is here
entry       origin/17                      an event, by its position in the log
"""

from __future__ import annotations

from evidence_vault.bundle.archival.xmltext import leaf, node
from evidence_vault.bundle.model import BundleItem

NAMESPACE = "http://www.loc.gov/premis/v3"
_LOC = "http://id.loc.gov/vocabulary/preservation/"

# Codes of id.loc.gov/vocabulary/preservation/eventType.
EVENT_CODES = {
    "accession": "acc",
    "capture": "cap",
    "creation": "cre",
    "deaccession": "dea",
    "decryption": "der",
    "deletion": "del",
    "digital signature generation": "dsg",
    "digital signature validation": "dig",
    "dissemination": "dis",
    "encryption": "enc",
    "filename change": "fil",
    "fixity check": "fix",
    "forensic feature analysis": "ffa",
    "format identification": "for",
    "information package creation": "ipc",
    "ingestion": "ing",
    "message digest calculation": "mes",
    "metadata extraction": "mee",
    "metadata modification": "mem",
    "migration": "mig",
    "normalization": "nor",
    "policy assignment": "poa",
    "quarantine": "qua",
    "recovery": "rec",
    "redaction": "red",
    "refreshment": "ref",
    "replication": "rep",
    "transfer": "tra",
    "validation": "val",
    "virus check": "vir",
}
_ROLE_CODES = {"implementer": "imp", "executing program": "exe", "source": "sou", "outcome": "out"}
_SUBTYPE_CODES = {"includes": "inc", "is source of": "iso"}
_TYPE_CODES = {"derivation": "der", "logical": "log", "structural": "str"}
_SUBTYPES = ("has source", "includes", "is included in", "is represented by", "represents")
_HASH_CODES = {"SHA-256": "sha256", "SHA-512": "sha512"}

ITEM = "evidence-vault item"
ORIGINAL = "original of an evidence-vault item"
IN_BAG = "path in this bag"
ENTRY = "origin of a log and position of an entry"
BUNDLE = "evidence-vault bundle"
CHECKPOINT = "origin of a log and size of a checkpoint"
RIGHTS = "evidence-vault rights"
ORGANISATION = "origin of a log"
SOFTWARE = "program and version"
KEY = "SHA-256 of a public key (SubjectPublicKeyInfo)"
CODE_NAME = "code name"


def named(item: BundleItem) -> str:
    """An item by the archive that numbered it and its number."""
    return f"{item.home}/{item.id}"


def term(name: str, vocabulary: str, label: str, code: str | None = None) -> str:
    """An element whose value is a term of id.loc.gov; ``code``: the last part of its address."""
    attributes = {"authority": vocabulary, "authorityURI": _LOC + vocabulary}
    if code is not None:
        attributes["valueURI"] = f"{_LOC}{vocabulary}/{code}"
    return leaf(name, label, attributes)


def event_type(label: str) -> str:
    return term("eventType", "eventType", label, EVENT_CODES[label])


def identifier(what: str, kind: str, value: str) -> str:
    """``what``: objectIdentifier, eventIdentifier, agentIdentifier, rightsStatementIdentifier."""
    return node(what, leaf(f"{what}Type", kind), leaf(f"{what}Value", value))


def linking(what: str, kind: str, value: str, role: str = "") -> str:
    """``what``: Agent, Event, Object or RightsStatement."""
    name = f"linking{what}Identifier"
    inside = [leaf(f"{name}Type", kind), leaf(f"{name}Value", value)]
    if role in _ROLE_CODES:
        vocabulary = f"eventRelated{what}Role"
        inside.append(term(f"linking{what}Role", vocabulary, role, _ROLE_CODES[role]))
    elif role:
        inside.append(leaf(f"linking{what}Role", role))
    return node(name, *inside)


def relationship(kind: str, sub: str, to: tuple[str, str], event: str | None = None) -> str:
    """``to``: type and value of the other object; ``event``: the entry that made it.

    ``sub``: a term of id.loc.gov, or in words of our own what it has no term for.
    """
    inside = [
        term("relationshipType", "relationshipType", kind, _TYPE_CODES[kind]),
        term("relationshipSubType", "relationshipSubType", sub, _SUBTYPE_CODES.get(sub))
        if sub in _SUBTYPES
        else leaf("relationshipSubType", sub),
        node(
            "relatedObjectIdentifier",
            leaf("relatedObjectIdentifierType", to[0]),
            leaf("relatedObjectIdentifierValue", to[1]),
        ),
    ]
    if event is not None:
        inside.append(
            node(
                "relatedEventIdentifier",
                leaf("relatedEventIdentifierType", ENTRY),
                leaf("relatedEventIdentifierValue", event),
            )
        )
    return node("relationship", *inside)


def fixity(algorithm: str, digest: str, originator: str) -> str:
    """``algorithm``: SHA-256 or SHA-512; ``digest``: lowercase hex."""
    code = _HASH_CODES[algorithm]
    return node(
        "fixity",
        term("messageDigestAlgorithm", "cryptographicHashFunctions", algorithm, code),
        leaf("messageDigest", digest),
        leaf("messageDigestOriginator", originator),
    )
