"""Every command by name: where it lives and what it does, so that ``--help`` imports nothing."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """Module below ``evidence_vault.cli``, attribute in it, and one line of help."""

    module: str
    attribute: str
    help: str


SECTIONS: tuple[tuple[str, dict[str, Place]], ...] = (
    (
        "Commands to begin",
        {
            "init": Place("setup", "init", "Make a new vault."),
            "demo": Place("setup", "demo", "Show the whole path on sample material."),
        },
    ),
    (
        "Commands to take in and describe",
        {
            "ingest": Place("intake", "ingest", "Take files in."),
            "describe": Place("intake", "describe", "Say more about items, or correct it."),
            "link": Place("linking", "link", "Say that one item belongs to another."),
            "unlink": Place("linking", "unlink", "Take back that one item belongs to another."),
        },
    ),
    (
        "Commands to find and read",
        {
            "list": Place("reading", "list_items", "List the items."),
            "search": Place("reading", "search", "Find items by digest, name, date or code."),
            "show": Place("reading", "show", "Show everything known of one item."),
            "history": Place("reading", "history", "Show the custody record of one item."),
        },
    ),
    (
        "Commands to give out",
        {
            "derive": Place("deriving", "derive", "Make copies to share, and prove them."),
            "get": Place("leaving", "get", "Copy the original of one item out."),
            "receipt": Place("leaving", "receipt", "Write a receipt that proves an item's record."),
            "report": Place("papers", "report", "Write a custody report to read and print (PDF)."),
            "certificate": Place(
                "papers", "certificate", "Write an item's certificate of digests and custody (PDF)."
            ),
            "export": Place("exporting", "export", "Write a bundle that a stranger can verify."),
            "exports": Place("exporting", "exports", "Show what left, to whom, on what terms."),
        },
    ),
    (
        "Commands for whoever received something (no vault needed)",
        {
            "verify": Place("verifying", "verify", "Verify a receipt or a bundle, offline."),
            "open": Place("opening", "open_bundle", "Decrypt a bundle that was encrypted to you."),
            "bundle": Place(
                "bundling", "bundle", "Compare two bundles, or take single items out of one."
            ),
            "trust": Place(
                "trusting",
                "trust",
                "Trust files and the network's trust document: whose keys count.",
            ),
        },
    ),
    (
        "Commands to look after a vault",
        {
            "fixity": Place("checking", "fixity", "Check that stored bytes are unchanged."),
            "log": Place("checking", "log", "Sign, check and prove the custody log."),
            "hold": Place("holding", "hold", "Keep items from being destroyed."),
            "retention": Place("holding", "retention", "Keep items until a date."),
            "replica": Place(
                "copies", "replica", "Keep copies of the vault, and restore from one."
            ),
            "transfer": Place(
                "transfer", "transfer", "Hand items over to another vault, with two signatures."
            ),
            "witness": Place(
                "witness", "witness", "Countersign other logs, and have one's own done."
            ),
            "timestamp": Place(
                "timestamp", "timestamp", "Have the log stamped by time authorities."
            ),
            "key": Place("keys", "key", "Keys, readers and passphrase of the vault."),
            "rebuild": Place("setup", "rebuild", "Make the catalogue anew from the store."),
            "migrate": Place(
                "moving",
                "migrate",
                "Move a vault between folder and servers, or update its tables.",
            ),
            "doctor": Place("setup", "doctor", "Look for problems and say what to do."),
        },
    ),
)

COMMANDS: dict[str, Place] = {
    name: place for _, commands in SECTIONS for name, place in commands.items()
}
