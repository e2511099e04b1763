"""What of the vault an export takes, and what that would show: steps 1 and 2 of the exit order.

Nothing is committed here and nothing leaves; ``export --dry-run`` ends after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evidence_vault.errors import UsageError
from evidence_vault.vault.accessions import accession_findings
from evidence_vault.vault.exportrequest import ExportRequest
from evidence_vault.vault.handovers import removed_items
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.payloads import Payloads, choose_payloads
from evidence_vault.vault.profilerules import judge, notices
from evidence_vault.vault.profiles import tells_of_accessions
from evidence_vault.vault.receipts import ReceiptMaker, fields_to_show
from evidence_vault.vault.sensitive import sensitive_findings


@dataclass(frozen=True)
class Ready:
    """An export that was looked at and not yet committed.

    ``shown``: fields revealed, None for all. ``copies``: items whose share copy leaves.
    ``sensitive``: what could point to people. ``notices``: what stays though it was asked for.
    """

    chosen: list[str]
    shown: frozenset[str] | None
    maker: ReceiptMaker
    payloads: Payloads
    copies: frozenset[str]
    sensitive: list[dict[str, str]]
    notices: list[str]

    @property
    def size(self) -> int:
        """Bytes of the payload."""
        return sum(payload.size for payload in self.payloads.chosen.values())


def prepare(
    vault: Vault,
    request: ExportRequest,
    chosen: Sequence[str] | None = None,
    known: int | None = None,
) -> Ready:
    """Look at everything that would leave. Raises UsageError for a request that is wrong.

    ``chosen`` and ``known``: of an export that goes on, what it had chosen, and how long the log
    was.
    """
    items = choose_items(vault, request) if chosen is None else list(chosen)
    names = request.names()
    shown = fields_to_show(names)
    maker = ReceiptMaker(vault, items, shown, names, known)
    payloads = choose_payloads(vault, maker, request.originals, request.items or ())
    payloads = judge(vault, request.profile, maker, payloads)
    copies = frozenset(i for i, each in payloads.chosen.items() if each.statement is not None)
    maker.leave_as_copies(copies)
    sensitive = sensitive_findings(vault, maker, payloads.chosen.keys() - copies)
    if tells_of_accessions(request.profile):
        sensitive += accession_findings(vault, maker, shown, names)
    told = notices(vault, request.profile, maker, payloads, names)
    return Ready(items, shown, maker, payloads, copies, sensitive, told)


def choose_items(vault: Vault, request: ExportRequest) -> list[str]:
    """Identifiers, sorted. Raises UsageError for one that is not here, or for none."""
    if request.items is not None:
        missing = sorted(set(request.items) - set(vault.catalogue.homes(request.items)))
        if missing:
            raise UsageError(f"there is no item {missing[0]} in this vault", code="E-NO-ITEM")
        chosen = set(request.items)
    else:
        chosen = set(vault.catalogue.item_ids())
    if request.case is not None:
        chosen &= {row["id"] for row in vault.catalogue.search(case=request.case)}
    if request.query is not None:
        chosen &= {row["id"] for row in vault.catalogue.search(text=request.query)}
    gone = removed_items(vault)
    if request.items is not None and gone & set(request.items):
        raise UsageError(
            f"{min(gone & set(request.items))} was removed here after another vault took it over",
            code="E-REMOVED",
            hint="ask that vault for it (`evidence-vault transfer list` names it); a receipt can "
            "still be made here",
        )
    chosen -= gone
    if not chosen:
        raise UsageError("no item was chosen", code="E-NOTHING-CHOSEN")
    return sorted(chosen)
