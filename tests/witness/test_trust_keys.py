"""The countersigner's keys in a trust file: what would let an organisation vouch for itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from evidence_vault.core.note import KeyType
from evidence_vault.core.policy import format_policy, network_policy
from evidence_vault.core.trust import TrustFile, format_trust, parse_trust
from evidence_vault.errors import VaultError
from evidence_vault.seal.keyring import CosignSigner, LogSigner

from .houses import House


def changed(trust: TrustFile, **other: Any) -> TrustFile:
    return replace(trust, origins=(replace(trust.origins[0], **other),))


def test_countersigner_keys_that_cannot_be(witness: House) -> None:
    trust = parse_trust(witness.trust().read_bytes())
    origin = trust.origins[0]
    first, second = origin.witness
    name = first.partition("+")[0]
    assert format_trust(changed(trust, witness=())) != format_trust(trust)
    other = CosignSigner(name, bytes(32), KeyType.COSIGNATURE_ED25519)
    elsewhere = CosignSigner("another-name", bytes(32), KeyType.MLDSA44)
    with witness.open() as vault:
        log = CosignSigner(name, vault.keyring.seeds["log"], KeyType.COSIGNATURE_ED25519)
        events = CosignSigner(name, vault.keyring.seeds["events"], KeyType.COSIGNATURE_ED25519)
    plain = LogSigner(name, bytes(32), KeyType.ED25519)
    for keys in (
        (first, first),
        (first, other.vkey),
        (first, elsewhere.vkey),
        (plain.vkey,),
        (log.vkey,),
        (events.vkey,),
        (first[:-4],),
        ("",),
    ):
        with pytest.raises(VaultError):
            format_trust(changed(trust, witness=keys))
    assert parse_trust(format_trust(changed(trust, witness=(second,)))).origins[0].witness


def test_an_organisation_does_not_count_for_its_own_log(witness: House) -> None:
    from evidence_vault.core.note import parse_vkey

    trust = parse_trust(witness.trust().read_bytes())
    origin = trust.origins[0]
    own = {"self": [parse_vkey(text) for text in origin.witness]}
    policy = network_policy([parse_vkey(text) for text in origin.log_keys], own, 1)
    with pytest.raises(VaultError, match="its own organisation's"):
        format_trust(changed(trust, policy=format_policy(policy)))
