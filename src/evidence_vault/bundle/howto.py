"""``HOW-TO-VERIFY.txt``: how a stranger checks a bundle with stock tools and none of our code.

The text lies beside this module, in English and Burmese, with the same commands in both. It is the
same, byte for byte, in every bundle that one version of this program writes, so that its own digest
can be compared with one received by another channel. Its
commands are the lines indented by four spaces; together they are one POSIX shell script that ends
with status 0 only if everything matched. They use ``sha256sum``, ``openssl`` (3.0 or later),
``sed``, ``base64``, ``od``, ``printf`` and, for a private scratch folder, ``mkdir``, ``cat`` and
``rm``.

What comes from the bundle is hostile input there too: numbers are checked before arithmetic
(which in some shells would run commands), paths before use, and nothing revealed is printed.
"""

from __future__ import annotations

from importlib.resources import files

HOW_TO_VERIFY_NAMES = ("HOW-TO-VERIFY.txt", "HOW-TO-VERIFY-my.txt")
_INDENT = "    "


def how_to_verify(name: str = HOW_TO_VERIFY_NAMES[0]) -> bytes:
    """The text of one of these names, as it stands in every bundle."""
    return files("evidence_vault.bundle").joinpath(name).read_bytes()


def commands(text: bytes) -> str:
    """The shell script that the indented lines of the text make, without the four spaces."""
    lines = text.decode("utf-8").splitlines()
    return "".join(f"{x.removeprefix(_INDENT)}\n" for x in lines if x.startswith(_INDENT))
