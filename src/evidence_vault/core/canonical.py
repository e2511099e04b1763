"""Canonical JSON (RFC 8785) and the one strict way to read it back.

Evidence values never hold floats and never integers beyond 2^53 - 1, so for documents whose
object keys are ASCII the C encoder of the standard library yields exactly the RFC 8785 bytes
(a property test compares the two); everything else goes through the ``rfc8785`` library.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from typing import Any

import rfc8785

from evidence_vault.errors import FormatError

MAX_INTEGER = 2**53 - 1
_HEX = re.compile("[0-9a-f]*")

encode_text = json.encoder.encode_basestring
"""A JSON string with exactly the escapes of RFC 8785 section 3.2.2.2."""

_PYTHON_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
)


def _make_encoder() -> Callable[[Any], str]:
    """The C encoder, made once: ``json.dumps`` makes a new one for every call."""
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # an interpreter without the C accelerator
        return _PYTHON_ENCODER.encode
    compiled = make(None, _PYTHON_ENCODER.default, encode_text, None, ":", ",", True, False, False)
    return lambda value: "".join(compiled(value, 0))


_encode = _make_encoder()


def _is_plain(value: Any) -> bool:
    """True when the C encoder gives RFC 8785 bytes: ASCII keys, no floats, small integers."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is int:
        return bool(-MAX_INTEGER <= value <= MAX_INTEGER)
    if kind is dict:
        return all(type(k) is str and k.isascii() and _is_plain(v) for k, v in value.items())
    if kind is list or kind is tuple:
        return all(_is_plain(v) for v in value)
    return False


def canonical(value: Any) -> bytes:
    """The RFC 8785 bytes of ``value``; raises FormatError for what JSON evidence can't hold."""
    try:
        if _is_plain(value):
            return _encode(value).encode("utf-8")
        _refuse_floats(value)
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, ValueError) as error:
        raise FormatError(f"value has no canonical JSON form: {error}") from error


def canonical_plain(value: Any) -> bytes:
    """As :func:`canonical`, for values known to have ASCII names, no floats, small integers.

    Raises FormatError for text with lone surrogates. Saves the look at every member.
    """
    try:
        return _encode(value).encode("utf-8")
    except (UnicodeEncodeError, ValueError) as error:
        raise FormatError(f"value has no canonical JSON form: {error}") from error


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise FormatError("floats are not allowed in evidence records; write the digits as text")
    if isinstance(value, dict):
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_floats(item)


def parse_canonical(data: bytes, what: str) -> Any:
    """Parse bytes that must be RFC 8785; ``what`` names them in the FormatError.

    Duplicate names, other spellings, floats and trailing bytes all fail, because what was
    parsed is encoded again and compared.
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            parse_float=_no_float,
            parse_constant=_no_float,
            parse_int=_small_integer,
        )
        # All-ASCII bytes can only come from plain names, or would not be encoded as they are.
        encoded = canonical_plain(value) if data.isascii() else canonical(value)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise FormatError(f"{what} is not JSON: {error}") from error
    if encoded != data:
        raise FormatError(f"{what} is not in canonical form (RFC 8785)")
    return value


def _small_integer(text: str) -> int:
    value = int(text)
    if not -MAX_INTEGER <= value <= MAX_INTEGER:
        raise ValueError(f"integer {text[:20]} is beyond 2^53 - 1")
    return value


def _no_float(text: str) -> Any:
    raise ValueError(f"number {text[:20]!r} is not an integer")


def b64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648 section 4)."""
    return base64.b64encode(data).decode("ascii")


def unb64(text: str, what: str, length: int | None = None) -> bytes:
    """Decode canonical standard base64; ``length`` is the exact size demanded, in bytes."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise FormatError(f"{what} is not base64") from error
    if b64(data) != text:
        raise FormatError(f"{what} is not in canonical base64 form")
    if length is not None and len(data) != length:
        raise FormatError(f"{what} has {len(data)} bytes, not {length}")
    return data


def b64url(data: bytes) -> str:
    """URL-safe base64 without padding (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def is_hex(text: Any, length: int) -> bool:
    """True for exactly ``length`` lowercase hex digits."""
    return isinstance(text, str) and len(text) == length and _HEX.fullmatch(text) is not None
