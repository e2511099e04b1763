"""JSON-LD in pieces: a context, then one node a line; a large bundle needs no large memory."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Node = Mapping[str, Any]


def graph(context: Any, nodes: Iterable[Node]) -> Iterator[bytes]:
    """The document: UTF-8, keys in the order given."""
    yield f'{{"@context":{_json(context)},"@graph":[\n'.encode()
    lead = ""
    for node in nodes:
        yield f"{lead}{_json(node)}".encode()
        lead = ",\n"
    yield b"\n]}\n"


def node_id(*parts: str) -> str:
    """The same address for the same thing in every bundle: a UUID (version 5) over public names."""
    name = "evidence-vault:" + "/".join(parts)
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
