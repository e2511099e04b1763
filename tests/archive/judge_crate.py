"""Judges an RO-Crate with rocrate-validator and the rocrate loader, without a network.

Run by the environment in which these are installed. The one document that the validator would
fetch, the JSON-LD context, is the one that the rocrate library ships.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import MappingProxyType
from typing import Any

import rocrate
from rocrate.rocrate import ROCrate
from rocrate_validator import models, services
from rocrate_validator.utils import http

PROFILE = "ro-crate-1.2"


class _Context:
    """The answer to every request for the context; anything else is refused."""

    status_code = 200
    headers = MappingProxyType({"Content-Type": "application/ld+json"})
    text = (Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld").read_text(encoding="utf-8")

    def json(self) -> Any:
        return json.loads(self.text)


def _answer(_: http.HttpRequester, url: str, **__: object) -> _Context:
    if not url.startswith("https://w3id.org/ro/crate/"):
        raise OSError(f"no network here: {url}")
    return _Context()


def judge(folder: Path) -> dict[str, Any]:
    """What both say: entities that the loader found, and issues of required checks."""
    loaded = ROCrate(folder)
    http.HttpRequester.get = _answer
    settings = models.ValidationSettings(
        rocrate_uri=str(folder),
        profile_identifier=PROFILE,
        requirement_severity=models.Severity.REQUIRED,
    )
    result = services.validate(settings)
    return {
        "entities": sorted(entity.id for entity in loaded.data_entities),
        "issues": [f"{each.check.identifier}: {each.message}" for each in result.get_issues()],
        "version": loaded.version,
    }


if __name__ == "__main__":
    print(json.dumps(judge(Path(sys.argv[1]))))
