"""Burmese text in the Zawgyi font encoding, turned into Unicode by a stated rule set.

Zawgyi gives code points of the Myanmar block other meanings and stores what is seen: the vowel
ေ and the medial ြ stand before their consonant, stacked consonants are letters of their own. The
rule set (:data:`RULES`) has three parts:

1. Each code point becomes what it shows (``_MEANING``); context decides between the letters
   ဝ and ရ and the digits ၀ and ၇, which look alike.
2. Each syllable (marks in front, one base, marks behind) is put into the storage order of
   The Unicode Standard 16.3: kinzi, base, stacked consonants, medials ျ ြ ွ ှ, vowels, then
   anusvara, tone marks and asat; a mark given twice is kept once.
3. The result is normalised to NFC.

Whether a text is Zawgyi is not judged here (capture/burmese.py). Text that is Unicode already
would be
spoiled, and text without Myanmar letters comes back as it is, in NFC.
"""

from __future__ import annotations

import re
import unicodedata

#: Name of the rule set, as it stands in statements about search copies.
RULES = "zawgyi-unicode/1"

_KINZI = "\u1004\u103a\u1039"
_E, _RA = "\u1031", "\u103c"

_STACKED = {
    0x1060: "\u1000", 0x1061: "\u1001", 0x1062: "\u1002", 0x1063: "\u1003", 0x1065: "\u1005",
    0x1066: "\u1006", 0x1067: "\u1006", 0x1068: "\u1007", 0x1069: "\u1008", 0x106C: "\u100b",
    0x106D: "\u100c", 0x1070: "\u100f", 0x1071: "\u1010", 0x1072: "\u1010", 0x1073: "\u1011",
    0x1074: "\u1011", 0x1075: "\u1012", 0x1076: "\u1013", 0x1077: "\u1014", 0x1078: "\u1015",
    0x1079: "\u1016", 0x107A: "\u1017", 0x107B: "\u1018", 0x107C: "\u1019", 0x1085: "\u101c",
    0x1093: "\u1018",
}  # fmt: skip

_MEANING: dict[int, str] = {
    0x1033: "\u102f", 0x1034: "\u1030", 0x1039: "\u103a", 0x103A: "\u103b", 0x103B: _RA,
    0x103C: "\u103d", 0x103D: "\u103e", 0x105A: "\u102b\u103a", 0x1064: _KINZI, 0x106A: "\u1009",
    0x106B: "\u100a", 0x106E: "\u100d\u1039\u100d", 0x106F: "\u100d\u1039\u100e", 0x107D: "\u103b",
    0x107E: _RA, 0x107F: _RA, 0x1080: _RA, 0x1081: _RA, 0x1082: _RA, 0x1083: _RA, 0x1084: _RA,
    0x1086: "\u103f", 0x1087: "\u103e", 0x1088: "\u103e\u102f", 0x1089: "\u103e\u1030",
    0x108A: "\u103d\u103e", 0x108B: _KINZI + "\u102d", 0x108C: _KINZI + "\u102e",
    0x108D: _KINZI + "\u1036", 0x108E: "\u102d\u1036", 0x108F: "\u1014", 0x1090: "\u101b",
    0x1091: "\u100f\u1039\u100d", 0x1092: "\u100b\u1039\u100c", 0x1094: "\u1037", 0x1095: "\u1037",
    0x1096: "\u1039\u1010\u103d", 0x1097: "\u100b\u1039\u100b",
    **{code: "\u1039" + letter for code, letter in _STACKED.items()},
}  # fmt: skip

# The three roles within a Zawgyi syllable, by Zawgyi code points.
_FRONT = "\u1031\u103b\u107e-\u1084"
_MARKS = (
    "\u102b-\u1030\u1032-\u103a\u103c\u103d\u105a\u1060-\u1069\u106c\u106d\u1070-\u107d\u1085"
    "\u1087-\u108e\u1093-\u1096"
)
_BASE = "\u1000-\u102a\u103f\u106a\u106b\u106e\u106f\u1086\u108f-\u1092\u1097"
_SYLLABLE = re.compile(f"([{_FRONT}]*)([{_BASE}])([{_MARKS}]*)")
_ZERO_AS_WA = re.compile(f"(?<=[{_FRONT}])\u1040|\u1040(?=[{_MARKS}])")
_SEVEN_AS_RA = re.compile(f"(?<=[{_FRONT}])\u1047|\u1047(?=[{_MARKS}])")

# Marks in storage order; one that is not here keeps the place it was given.
_ORDER = {
    mark: rank
    for rank, mark in enumerate(
        "\u103b\u103c\u103d\u103e\u1031\u102d\u102e\u1032\u102f\u1030\u102b\u102c\u1036\u103a\u1037\u1038"
    )
}


def zawgyi_to_unicode(text: str) -> str:
    """``text``, all of it taken for Zawgyi, in Unicode, NFC; never raises."""
    text = _SEVEN_AS_RA.sub("\u101b", _ZERO_AS_WA.sub("\u101d", text))
    text = _SYLLABLE.sub(_syllable, text)
    text = text.replace("\u1044\u1004\u103a\u1038", "\u104e\u1004\u103a\u1038")
    return unicodedata.normalize("NFC", text.translate(_LEFT_OVER))


def _syllable(found: re.Match[str]) -> str:
    front, base, behind = found.groups()
    meant = "".join(_MEANING.get(ord(c), c) for c in behind)
    kinzi = _KINZI if _KINZI in meant else ""
    meant = meant.replace(_KINZI, "")
    stacked = "".join(dict.fromkeys(_STACK.findall(meant)))
    meant = _STACK.sub("", meant)
    # Asat before a medial or a vowel is part of the consonant (ယောက်ျား).
    early = "\u103a" if _EARLY_ASAT.match(meant) else ""
    marks = [_MEANING.get(ord(c), c) for c in front] + list(meant[len(early) :])
    ordered = sorted(dict.fromkeys(marks), key=lambda mark: _ORDER.get(mark, len(_ORDER)))
    letter = _MEANING.get(ord(base), base)
    if letter == "\u1004" and stacked and "\u103a" in ordered:
        ordered.remove("\u103a")  # kinzi typed as င္ and a stacked letter
        letter = "\u1004\u103a"
    return kinzi + _letter(letter, early + "".join(ordered), stacked)


def _letter(letter: str, marks: str, stacked: str) -> str:
    """The base with its marks. ဥ with asat is the letter ဉ; ဥ with ီ and သြ are single letters."""
    if letter == "\u1025" and (marks.startswith(("\u103a", "\u102c")) or stacked):
        letter = "\u1009"
    elif letter == "\u1025" and marks.startswith("\u102e"):
        letter, marks = "\u1026", marks[1:]
    elif letter == "\u101e" and marks == _RA + _E + "\u102c\u103a":
        letter, marks = "\u102a", ""
    elif letter == "\u101e" and marks.startswith(_RA):
        letter, marks = "\u1029", marks[1:]
    return letter + stacked + marks


_STACK = re.compile("\u1039[\u1000-\u1021]")
_EARLY_ASAT = re.compile("\u103a[\u103b-\u103e\u102b-\u1030]")
# Marks that stand alone: what they show. (Syllables have no such code point left but 1039, 103A-D.)
_LEFT_OVER = {
    code: shown for code, shown in _MEANING.items() if code in (0x1033, 0x1034) or code > 0x1059
}
