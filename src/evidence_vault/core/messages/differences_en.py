"""English messages about two bundles that are compared."""

from __future__ import annotations

MESSAGES: dict[str, str] = {
    "S-DIFF-FIRST": "The first bundle verifies",
    "S-DIFF-SECOND": "The second bundle verifies",
    "S-DIFF-LOG": "Both tell one history of the log",
    "S-DIFF-ITEMS": "Items",
    "S-DIFF-FIELDS": "Fields revealed in one and withheld in the other",
    "S-DIFF-FILES": "Files",
    "BD-VERIFIED": "everything matches; bundle {id}",
    "BD-PARTLY": "nothing is wrong, and something could not be checked: {codes}",
    "BD-FAILED": "does not match, so nothing is compared: {codes}",
    "BD-NOT-A-BUNDLE": "not a bundle that can be read here, so nothing is compared: {codes}",
    "BD-CHANGED": "changed while it was compared: {reason}",
    "BD-OTHER-LOG": "the second bundle is of another log, {other}: the two can't contradict each "
    "other",
    "BD-OTHER-KEYS": "both call their log the same, and it has other keys: first {first}, second "
    "{second}. At least one is not of that archive; verify both with its trust file",
    "BD-SAME-STATE": "both lead to the same state, of {size} entries",
    "BD-GROWN": "the state of {larger} entries continues that of {size}: proved",
    "BD-NOT-PROVED": "{count} entries stand in both and are the same. That the state of {larger} "
    "entries continues that of {size} could not be checked with these two alone",
    "BD-FORK": "TWO HISTORIES of entries {entries}: the first bundle has {first}, the second "
    "{second}. Keep both bundles",
    "BD-ITEMS": "items in both: {count}; of these without any difference: {same}",
    "BD-ONLY-FIRST": "only in the first bundle",
    "BD-ONLY-SECOND": "only in the second bundle",
    "BD-FILE-FIRST": "its file is only in the first bundle",
    "BD-FILE-SECOND": "its file is only in the second bundle",
    "BD-PAYLOAD-OTHER": "another file of it leaves: SHA-256 in the first {first}, in the second "
    "{second}",
    "BD-NEWER-FIRST": "the first bundle knows {count} more events: {types}",
    "BD-NEWER-SECOND": "the second bundle knows {count} more events: {types}",
    "BD-REVEALS-FIRST": "revealed only in the first bundle: {names}",
    "BD-REVEALS-SECOND": "revealed only in the second bundle: {names}",
    "BD-FILE-CHANGED": "in both, and not the same",
    "BD-FILE-ONLY-FIRST": "only in the first bundle",
    "BD-FILE-ONLY-SECOND": "only in the second bundle",
    "N-DIFF": "that what is in neither bundle is the same: other entries of the log were not seen",
}
