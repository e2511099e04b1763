"""Every type of custody event: its fixed list of committed fields, and its PREMIS type."""

from __future__ import annotations

_DESCRIPTIVE = (
    "case",
    "caveats",
    "classification",
    "collector_code",
    "custody_before",
    "description",
    "language",
    "occurred_at",
    "place",
    "received_at",
    "received_from",
    "received_via",
    "source_code",
    "title",
    "violation",
)
_ARRIVAL = ("accession", "actor", *_DESCRIPTIVE, "source_path", "source_times")

# Committed fields by event type: fixed, versioned lists (schemas/events/).
FIELDS: dict[str, tuple[str, ...]] = {
    "vault-created": ("actor",),
    "accession-opened": ("actor", "received_at", "received_from", "received_via", "terms"),
    "accession-closed": ("actor", "outcome", "refused", "taken_in"),
    "ingested": (
        *_ARRIVAL,
        "content_sha256",
        "content_sha512",
        "content_size",
        "format",
        "metadata",
    ),
    "received-again": _ARRIVAL,
    "described": ("actor", *_DESCRIPTIVE),
    "accessed": ("actor", "members", "purpose"),
    "exported": (
        "actor",
        "bundle_id",
        "counts",
        "fields_shown",
        "kind",
        "members",
        "payload_manifest",
        "profile",
        "proofs",
        "purpose",
        "recipient",
    ),
    "fixity-checked": ("actor", "counts", "findings", "members", "method"),
    "key-enrolled": ("actor", "purpose"),
    "key-revoked": ("actor", "purpose"),
    "granted": ("actor", "members", "purpose", "reader", "rewrapped"),
    "withdrawn": ("actor", "purpose", "reader"),
    "anchored": ("actor",),
    "trust-recorded": ("actor", "purpose"),
    "derived": (
        "actor",
        "content_sha256",
        "content_sha512",
        "content_size",
        "format",
        "kind",
        "parent",
        "purpose",
        "statement",
    ),
    "derivation-refused": (
        "actor",
        "kind",
        "parent",
        "purpose",
        "statement",
    ),
    "transfer-offered": (
        "actor",
        "members",
        "purpose",
        "receiver",
        "transfer_id",
    ),
    "transfer-accepted": (
        "accession",
        "actor",
        "content_sha256",
        "content_sha512",
        "content_size",
        "foreign",
        "format",
        "metadata",
        "transfer_id",
    ),
    "transfer-acknowledged": (
        "acknowledgement",
        "actor",
        "members",
        "receiver",
        "transfer_id",
    ),
    "removed": (
        "actor",
        "members",
        "purpose",
        "transfer_id",
    ),
    "stored": (
        "actor",
        "objects",
    ),
    "hold-placed": (
        "actor",
        "case",
        "hold_id",
        "members",
        "objects",
        "purpose",
    ),
    "hold-released": (
        "actor",
        "hold_id",
        "members",
        "objects",
        "purpose",
    ),
    "retention-set": (
        "actor",
        "case",
        "members",
        "mode",
        "objects",
        "purpose",
        "until",
    ),
    "replica-enrolled": (
        "actor",
        "purpose",
        "replica",
    ),
    "replica-synced": (
        "actor",
        "counts",
        "head",
        "replica",
    ),
    "replica-retired": (
        "actor",
        "purpose",
        "replica",
    ),
    "repaired": (
        "actor",
        "members",
        "objects",
        "purpose",
        "replica",
    ),
    "migrated": (
        "actor",
        "counts",
        "moved_from",
        "moved_to",
        "purpose",
    ),
    "linked": ("actor", "other", "purpose", "relation"),
    "unlinked": ("actor", "other", "purpose", "relation"),
    "foreign-custody-recorded": (
        "actor",
        "bundle_id",
        "foreign",
        "receipt_sha256",
        "verified",
    ),
}

# Types whose fields, once given, supersede what was said before: one given as unknown commits to
# the value null, which withdraws it. (A null commitment says that the event does not touch it.)
SUPERSEDING = ("described",)

# PREMIS 3 event type (id.loc.gov/vocabulary/preservation/eventType) of each event type.
PREMIS: dict[str, str] = {
    "vault-created": "creation",
    "accession-opened": "accession",
    "accession-closed": "accession",
    "ingested": "ingestion",
    "received-again": "ingestion",
    "described": "metadata modification",
    "accessed": "dissemination",
    "exported": "dissemination",
    "fixity-checked": "fixity check",
    "key-enrolled": "policy assignment",
    "key-revoked": "policy assignment",
    "granted": "policy assignment",
    "withdrawn": "policy assignment",
    "anchored": "digital signature generation",
    "trust-recorded": "policy assignment",
    "derived": "creation",
    "derivation-refused": "validation",
    "transfer-offered": "transfer",
    "transfer-accepted": "transfer",
    "transfer-acknowledged": "transfer",
    "removed": "deletion",
    "stored": "ingestion",
    "hold-placed": "policy assignment",
    "hold-released": "policy assignment",
    "retention-set": "policy assignment",
    "replica-enrolled": "policy assignment",
    "replica-synced": "replication",
    "replica-retired": "policy assignment",
    "repaired": "recovery",
    "migrated": "refreshment",
    "linked": "metadata modification",
    "unlinked": "metadata modification",
    "foreign-custody-recorded": "metadata modification",
}

# Types by which an item comes into a log.
ARRIVALS = ("ingested", "transfer-accepted")

# Types about the archive itself that an item's receipt may carry besides entry 0: whose keys
# counted when, and values that show when.
BESIDE_ITEMS = ("key-enrolled", "key-revoked", "anchored")
