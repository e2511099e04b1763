"""What a profile refuses or keeps back, before the event of an export is committed.

court: no excerpt leaves without what it was cut from. public: share copies only, of items that
nobody classified or put a caveat on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from evidence_vault.core.fields import stricter
from evidence_vault.core.places import is_coarse
from evidence_vault.core.relations import ATTACHMENT, EXCERPT, TRANSCRIPT, TRANSLATION
from evidence_vault.errors import InternalError, PolicyRefused
from evidence_vault.vault.linking import counting, relations_in, told_here
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.payloads import Payloads
from evidence_vault.vault.profiles import COURT, PUBLIC
from evidence_vault.vault.receipts import ReceiptMaker
from evidence_vault.vault.records import ItemEvent

NO_COPY = "no share copy proved clean: only its receipt leaves"
KEPT_BACK = "not for the public: only its receipt leaves"

_READ_BESIDE = (ATTACHMENT, TRANSLATION, TRANSCRIPT)

# A digest or the exact size of an original tells whoever finds that file that it is here.
_OF_ORIGINALS = ("content_sha256", "content_sha512", "content_size")


def check_asked(profile: str, originals: bool, disclose: Sequence[str]) -> None:
    """Raises PolicyRefused for what no bundle of this profile may hold."""
    if profile != PUBLIC:
        return
    if originals:
        raise PolicyRefused(
            "no original leaves for the public, named or not",
            code="E-PUBLIC-ORIGINAL",
            hint="leave out --originals; `evidence-vault derive ITEM --share-copy` makes a copy",
        )
    refused = sorted({"all", *_OF_ORIGINALS} & set(disclose))
    if refused:
        raise PolicyRefused(
            f"--disclose {refused[0]} would tell digests of originals to the public",
            code="E-PUBLIC-FIELD",
            hint="name the fields to reveal one by one, without those of the content",
        )


def judge(vault: Vault, profile: str, maker: ReceiptMaker, payloads: Payloads) -> Payloads:
    """What leaves of what was chosen, and what its receipts may show besides what was asked for.

    Raises PolicyRefused (E-EXCERPT-ALONE) for a court.
    """
    maker.leave_together()
    if profile == COURT:
        _demand_whole(vault, maker, payloads)
    return _for_public(vault, maker, payloads) if profile == PUBLIC else payloads


def notices(
    vault: Vault, profile: str, maker: ReceiptMaker, payloads: Payloads, disclose: Sequence[str]
) -> list[str]:
    """What was asked for and stays all the same, and why; for who exports, not for the bundle."""
    if profile == COURT:
        return list(_untied(vault, maker))
    return list(_held_from_public(maker, payloads, disclose)) if profile == PUBLIC else []


def handling_of(told: Iterable[tuple[str, Mapping[str, Any]]]) -> tuple[str | None, list[str]]:
    """(classification, caveats) that stand; ``told``: (event type, values) in order.

    Bytes that came again only make it stricter.
    """
    classification: str | None = None
    caveats: list[str] = []
    for kind, values in told:
        if kind == "received-again":
            classification = stricter(classification, values.get("classification"))
            caveats += [c for c in values.get("caveats") or () if c not in caveats]
            continue
        if "classification" in values:
            classification = values["classification"]
        if "caveats" in values:
            caveats = list(values["caveats"] or ())
    return classification, caveats


def _demand_whole(vault: Vault, maker: ReceiptMaker, payloads: Payloads) -> None:
    """Whoever sees a part must be able to see the whole (one evidentiary unit)."""
    for item, events in maker.histories():
        if item not in payloads.chosen:
            continue
        for relation in relations_in(vault, item, events):
            if relation.relation == EXCERPT and relation.id not in payloads.chosen:
                raise PolicyRefused(
                    f"{item} is an excerpt of {relation.id}, which does not leave whole: no "
                    "excerpt leaves alone for a court",
                    code="E-EXCERPT-ALONE",
                    hint=f"choose {relation.id}, too (--originals, or its share copy), or leave "
                    f"{item} out",
                )


def _for_public(vault: Vault, maker: ReceiptMaker, payloads: Payloads) -> Payloads:
    chosen, why = dict(payloads.chosen), dict.fromkeys(payloads.why, NO_COPY)
    for item, events in maker.histories():
        classification, caveats = handling_of(_described(vault, item, events))
        if item in chosen and (caveats or classification not in (None, "public")):
            del chosen[item]
            why[item] = KEPT_BACK
    if any(payload.statement is None for payload in chosen.values()):
        raise InternalError("an original was chosen for the public")
    maker.leave_in_public(payload.event.index for payload in chosen.values())
    return replace(payloads, chosen=chosen, why=why)


def _described(
    vault: Vault, item: str, events: Sequence[ItemEvent]
) -> Iterable[tuple[str, Mapping[str, Any]]]:
    return counting(vault, item, events, ("ingested", "described", "received-again"))


def _untied(vault: Vault, maker: ReceiptMaker) -> Iterator[str]:
    """A translation is read beside its original, an attachment beside its host."""
    histories = dict(maker.histories())
    for item, events in histories.items():
        here = told_here(vault, events)
        for relation in relations_in(vault, item, events):
            if relation not in here:
                yield (
                    f"that {item} is {relation.relation} {relation.id} was said in the log it came "
                    "from: link them here, too, and a bundle can say it"
                )
            elif relation.relation in _READ_BESIDE and relation.id not in histories:
                yield (
                    f"{item} is {relation.relation} {relation.id}, which was not chosen: nothing "
                    "in the bundle says what it belongs to"
                )


def _held_from_public(
    maker: ReceiptMaker, payloads: Payloads, disclose: Sequence[str]
) -> Iterator[str]:
    kept = sum(1 for why in payloads.why.values() if why == KEPT_BACK)
    if kept:
        yield f"with a classification other than public, or a caveat: {kept}; their files stay"
    near = sum(
        1
        for _, events in maker.histories()
        if any(not is_coarse(event.values.get("place")) for event in events)
    )
    if near and "place" in disclose:
        yield f"with a place nearer than a district on record: {near}; it is withheld"
