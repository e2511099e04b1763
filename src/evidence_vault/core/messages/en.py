"""English messages."""

from __future__ import annotations

REVIEWED = True

MESSAGES: dict[str, str] = {
    # Outcomes
    "O-MATCHES": "matches",
    "O-DIFFERS": "does not match",
    "O-UNCHECKED": "could not be checked",
    "O-INFORMATION": "information",
    # Headlines
    "H-MATCHES": "MATCHES. Everything that had to be checked matches.",
    "H-DIFFERS": "DOES NOT MATCH. Do not rely on this evidence before the points below are "
    "explained.",
    "H-UNCHECKED": "COULD NOT BE CHECKED completely. What is not listed as matching is not proved.",
    "H-LOG": "THE LOG CONTRADICTS ITSELF. Two different histories were signed for the same log. "
    "Keep all files and tell the other organisations.",
    "H-NO-TRUST": "WHO made this could not be checked: no trust file was given. Compare this "
    "fingerprint with the archive by telephone or on paper: {fingerprint} In words: {words}",
    "H-UNREVIEWED": "This translation has not been reviewed. The English text counts.",
    "H-SUBJECT": "About: {subject}",
    "H-ORIGIN": "Log: {origin}",
    "H-BUNDLE": "Bundle: {bundle_id}, made {made_at}",
    "H-FINGERPRINT": "Fingerprint of the vault: {fingerprint} ({words})",
    "H-TRUST": "Trust file made {made_at}, fingerprint {fingerprint} ({words})",
    "H-EVENTS": "Custody entries",
    "H-EVENT": "entry {index}: {type}, recorded {recorded_at} by the archive's clock; "
    "fields withheld: {withheld}",
    "H-NOT-BEFORE": "not before {time}: it was signed by somebody who had seen the {basis} of {by}",
    "H-NOT-AFTER": "not after {time}: it was in the log when {by} made the {basis}",
    "H-GAP": "the two are {gap} apart",
    "H-FIELD": "revealed {name}: {value}",
    "H-NOTES": "What this does not prove",
    "H-MORE": "and {count} more of this kind",
    # Steps
    "S-ENTRY-ZERO": "The vault's first entry names its keys",
    "S-SIGNATURES": "Every custody entry is signed by the vault",
    "S-PROOFS": "Every custody entry stands in the log",
    "S-CHECKPOINT": "The state of the log is signed by both log keys",
    "S-HISTORY": "The custody entries follow each other without a gap",
    "S-FIELDS": "Revealed fields are those the entries commit to",
    "S-FILE": "The file is the one that was taken in, or a copy the archive made of it",
    "S-WHO": "Who made it: keys agree with the trust file",
    "S-COUNTERSIGNED": "Countersignatures of other organisations",
    "S-TIME": "Time stamps of authorities",
    "S-CONTAINER": "The bundle is safe to open",
    "S-STATEMENT": "The statement of contents is signed by the vault",
    "S-FILES": "The bundle holds exactly the files it must",
    "S-MANIFESTS": "The lists of checksums are right",
    "S-RECEIPTS": "Every receipt is right and belongs to this bundle",
    "S-PAYLOADS": "Files are the ones that were taken in, or copies the archive made of them",
    "S-COUNTS": "Numbers of items and fields agree",
    "S-EXPECTED": "It is the bundle that was announced",
    # General
    "V-NOT-REACHED": "was not checked, because an earlier step did not succeed",
    "V-NO-FILE": "no file was given; nothing is said about any file",
    "V-IS-RECEIPT": "this is a receipt, not a bundle; verify it as a receipt",
    "V-IS-FOLDER": "this is a folder; a folder can only be a bundle",
    "V-IS-EMPTY": "the file is empty; the copy may be incomplete, or a virus scanner may have "
    "emptied it",
    "V-IS-AGE": "this file is encrypted; decrypt it first, with the passphrase or the age "
    "identity it was made for (age -d -o bundle.zip FILE), and verify the result",
    "V-IS-ZIP": "this is a ZIP; verify it as a bundle, without a second file",
    "V-IS-TRUST": "this is a trust file; it is given with --trust and proves nothing by itself",
    "V-IS-STATEMENT": "this is the statement of a bundle; verify the whole bundle",
    # Limits of the verifier page
    "V-PLAIN-BAG": "this is a bag (BagIt) that no vault made; the command line checks its lists",
    "V-TOO-LARGE": "is beyond what the verifier page can count; the command line can: {reason}",
    "V-TOO-DEEP": "is beyond what the verifier page can follow; the command line can: {reason}",
    # Receipts
    "R-FORMAT": "this is not a valid receipt: {reason}",
    "R-ORDER": "the entries do not stand in ascending order, each once",
    "R-ENTRY-ZERO": "the vault's first entry is not valid: {reason}",
    "R-ENTRY-ZERO-OK": "the first entry is signed by the root key; fingerprint {fingerprint}",
    "R-ORIGIN": "belongs to the log {found}, not to {expected}",
    "R-ENTRY": "is not a valid custody entry: {reason}",
    "R-SIGNER": "is signed by key {keyid}, which the vault does not name for this",
    "R-KEY-INTERVAL": "is signed by key {keyid} at a position of the log where that key did not "
    "count: it was enrolled later, or revoked with an earlier last good entry",
    "R-KEY-EVENT": "enrols or revokes a key in a way that can't be: {reason}",
    "R-SIGNATURE": "the signature by key {keyid} does not match: the entry was changed or forged",
    "R-SIGNATURES-OK": "{count} entries are signed by keys of this vault",
    "R-TYPE-UNKNOWN": "is of type {type}, which this program does not know; it is shown as it is",
    "R-PROOF": "is not proved to stand in the log: {reason}",
    "R-PROOFS-OK": "{count} entries stand in the log of {size} entries",
    "R-CHECKPOINT": "the signed state of the log is not valid: {reason}",
    "R-CHECKPOINT-DOWNGRADE": "one of the two log signatures was removed: {reason}",
    "R-CHECKPOINT-UNCHECKED": "a log signature could not be checked on this machine: {reason}",
    "R-CHECKPOINT-OK": "both log keys signed the state of {size} entries",
    "R-STATE": "a countersigned or stamped state of the log is not valid: {reason}",
    "R-STATE-PROOF": "is not proved to be an earlier state of this log: {reason}",
    "R-COSIGN-NONE": "the trust file names no countersigners for this log",
    "R-COSIGN-OK": "countersigned by {names}; {need} are asked for",
    "R-COSIGN-EXIT": "the export itself is newer than the countersigned state, as it must be",
    "R-COSIGN-PENDING": "countersignatures are pending: {have} of the {need} that are asked for",
    "R-PROOF-CLAIM": "says something about its proofs that can't be: {reason}",
    "R-PROOF-REMOVED": "{what} of the state of {state} entries went along when this left the "
    "archive and is missing now",
    "T-TOKEN-OK": "the time stamp matches: the log stood so at {time}",
    "T-TOKEN-WRONG": "the time stamp does not match: {reason}",
    "T-TOKEN-UNCHECKED": "the time stamp could not be checked: {reason}; it claims {claimed}",
    "T-NONE": "there is no time stamp; times are those of the archive's own clock",
    "T-RENEWAL-OK": "the time stamps were renewed at {time}",
    "T-RENEWAL-WRONG": "a renewal of the time stamps does not match: {reason}",
    "T-RENEWAL-UNCHECKED": "a renewal of the time stamps could not be checked: {reason}",
    "T-ANCHOR": "names values in a form that is not known: {reason}",
    "T-BEACON": "names round {round} of the public beacon {name}, value {value}: look up when it "
    "was published; what follows was signed later",
    "T-SEEN": "the state of the log that its signer had seen is not proved: {reason}",
    "R-OTHER-SIGNATURES": "{count} further signatures are by keys that are not known here; they "
    "were not counted as countersigners",
    "R-LOG-FORK": "this entry names another state of the log at size {size} than the signed one",
    "R-MEMBER": "it is not proved that this entry is about the item: {reason}",
    "R-SUBJECT": "is about something else than {expected}",
    "R-SEQUENCE": "place {expected} in the item's history is expected here, found {found}: "
    "entries are missing, repeated or in another order",
    "R-PREV": "does not follow the entry before it: expected {expected}, found {found}",
    "R-NO-EVENTS": "there is no custody entry about this item",
    "R-MADE": "it says that it was made at {found}; its closing entry was recorded at {expected}",
    "R-SECOND-INGEST": "the item is said to have been taken in twice",
    "R-HISTORY-OK": "{count} entries follow each other without a gap",
    "R-HISTORY-VAULT": "{count} entries about the vault; they are not one item's history",
    "R-FIELD-CHANGED": "a revealed value was changed: {reason}",
    "R-FIELD-TWICE": "a field is shown with two values: {reason}",
    "R-FIELD-UNKNOWN": "a value is shown that the entry does not commit to: {reason}",
    "R-SIZE-TEXT": "the size must be decimal digits, found {found}",
    "R-FIELDS-OK": "{shown} revealed fields are right; {withheld} fields are withheld",
    "R-FILE-CHANGED": "the file is not the one that was taken in: {field} expected {expected}, "
    "found {found}",
    "R-FILE-WITHHELD": "the field {field} is withheld, so the file can't be compared with it",
    "R-FILE-NO-INGEST": "the receipt shows no entry that states the digests of a file",
    "R-COPY-OK": "this is NOT the original: it is the copy made from it by entry {entry}, with its "
    "SHA-256, SHA-512 and size: {sha256}",
    "R-FILE-OK": "SHA-256, SHA-512 and size are those of the file taken in: {sha256}",
    # Who
    "W-NO-TRUST": "no trust file was given. Compare the fingerprint with the archive by another "
    "channel: {fingerprint} In words: {words}",
    "W-TRUST-WRONG": "the trust file itself is wrong, so nothing was checked: {reason}",
    "W-ORIGIN-UNKNOWN": "the trust file does not know this log; it knows: {known}",
    "W-FINGERPRINT": "another vault under the same name: the trust file has the fingerprint "
    "{expected} ({expected_words}), this has {found} ({found_words})",
    "W-LOG-KEYS": "the log keys are not those of the trust file",
    "W-SIGNER-UNKNOWN": "key {keyid} is not one that the trust file accepts for this",
    "W-KEY-INTERVAL": "key {keyid} was not in force at this place of the log",
    "W-BEYOND-TRUST": "is newer than the trust file, which knows the log up to size {size}; ask "
    "the archive for a newer trust file",
    "W-LOG-FORK": "the trust file has another state of the log at size {size}: two histories "
    "were signed",
    "W-NOT-COMPARED": "the log states were not compared: size {size} here, {known} in the trust "
    "file",
    "W-OK": "the keys are those of {org} in the trust file, as of size {size}",
    # Containers
    "C-OK": "{count} files, no unsafe names or structures",
    "C-JUNK": "was added by an operating system; it was not opened and changes nothing",
    "C-UNSAFE-NAME": "has an unsafe name ({reason}); nothing was opened",
    "C-COLLISION": "can't be told from {other} on some systems",
    "C-LINK": "is a link; a bundle holds files only",
    "C-SPECIAL": "is a pipe, socket or device; a bundle holds files only",
    "C-TOP-FOLDER": "the ZIP must have exactly one top folder: {reason}",
    "C-ZIP-DAMAGED": "the ZIP is damaged ({reason}); copy it again",
    "C-PADDING": "{size} zeros that hide the exact size of an encrypted bundle; no evidence",
    "C-VOLUMES": "{count} volumes are read as one file",
    "C-VOLUME-MISSING": "this volume is missing: the others do not join without it",
    "C-VOLUME-SIZE": "has {found} bytes, the others {expected}: cut short, or another file",
    "C-VOLUME-CHANGED": "is not the volume that the list beside it names: SHA-256 expected "
    "{expected}, found {found}",
    "C-ZIP-LAYOUT": "the ZIP hides something: {reason}",
    "C-ZIP-HEADERS": "two programs could read this ZIP in two ways: {reason}",
    "C-ZIP-DUPLICATE": "two files have this name in the ZIP: {reason}",
    "C-ZIP-ENCRYPTED": "is encrypted or masked in the ZIP: {reason}",
    "C-ZIP-METHOD": "is packed in a way that is not allowed: {reason}",
    "C-ZIP-RATIO": "unpacks to more than 1000 times its packed size: {reason}",
    # Bundles
    "B-NOT-A-BUNDLE": "this is neither a bundle folder nor a ZIP",
    "B-MISSING": "is missing. The copy may be incomplete, a virus scanner may have moved it away, "
    "or somebody removed it",
    "B-CHANGED": "was changed: SHA-256 expected {expected}, found {found}",
    "B-CHANGED-SIZE": "was changed: {expected} bytes expected, found {found}",
    "B-DAMAGED": "was changed: it is damaged inside the ZIP",
    "B-ADDED": "was added: the statement does not list it",
    "B-UNREADABLE": "could not be read from this disk: {reason}",
    "B-TOO-LARGE": "has {found} bytes, over the limit of {limit}",
    "B-FILES-OK": "{count} listed files are there and unchanged, and no others",
    "B-STATEMENT-FORM": "is not a valid statement: {reason}",
    "B-STATEMENT-SIGNATURE": "the statement and its signature do not belong together; one was "
    "changed, so what is said about other files may rest on a false list",
    "B-SSHSIG": "the statement's SSH signature is not right: {reason}",
    "B-STATEMENT-KEY": "key {keyid} is not one that the vault names for statements",
    "B-STATEMENT-INTERVAL": "the statements key {keyid} did not count when this bundle was "
    "exported: it was enrolled later, or revoked with an earlier last good entry",
    "B-NO-ENTRY-ZERO": "no receipt shows which keys the vault has",
    "B-NOT-LISTED": "must be in every bundle, but the statement does not list it",
    "B-STATEMENT-OK": "signed by key {keyid}",
    "B-KEY-FILE": "is not a key that the vault names",
    "B-TRUST-INSIDE": "is a trust file inside the bundle; whose keys count is never taken from a "
    "bundle",
    "B-MANIFEST": "is not the list that it must be: {reason}",
    "B-MANIFEST-MISSING": "is missing, so it could not be compared",
    "B-MANIFESTS-OK": "the checksums of {count} files are right",
    "B-RECEIPT-OTHER": "does not belong to this bundle: {field} expected {expected}, found {found}",
    "B-NOT-EXPORTED": "the last entry must be the export of this bundle, found {type}",
    "B-EXPORTED-HIDDEN": "the logged export does not reveal {field}",
    "B-EXPORTED-OTHER": "the logged export states another {field} than the bundle",
    "B-RECEIPTS-OK": "{count} receipts are right",
    "B-COPIES-OK": "{count} files are NOT originals: they are share copies that the archive made",
    "B-COPY-STATEMENT": "is not the statement that was logged: expected {expected}, found {found}",
    "B-COPY-STATEMENT-MISSING": "the statement on how the share copy was made could not be read",
    "B-COPY-STATEMENT-FORM": "is no statement on how a share copy was made: {reason}",
    "B-COPY-CLAIM": "the archive says something else of this share copy than it must: {field} "
    "expected {expected}, found {found}",
    "B-COPY-ELSEWHERE": "it was taken over with its item from another archive; that its statement "
    "names the original by the commitments of that archive's log is not shown here",
    "B-PAYLOADS-OK": "{count} originals are the files that were taken in",
    "B-PAYLOAD-UNCHECKED": "could not be compared, because it or its receipt is not right",
    "B-NO-PAYLOADS": "the bundle was made without originals",
    "B-ITEM": "the list of items is wrong: {reason}",
    "B-INDEX": "the list of items for people differs: {reason}",
    "B-COUNT": "the number is wrong: expected {expected}, found {found}",
    "B-COUNTS-UNCHECKED": "fields were not counted, because not every receipt is right",
    "B-COUNTS-OK": "{chosen} items chosen, {withheld} of them withheld",
    "B-NOT-EXPECTED": "no bundle id was given to compare; this is the bundle's",
    "B-EXPECTED": "is not the bundle that was announced, {expected}",
    "B-EXPECTED-OK": "is the bundle that was announced",
    # Notes
    "N-TAIL": "that nothing follows in an item's history: later entries are seen in a later "
    "receipt or in the full log",
    "N-TRUTH": "that the content is true",
    "N-AUTHOR": "who recorded the content, and where",
    "N-TIME": "when the content was made, or the exact time of an entry: times are those of the "
    "archive's own clock",
    "N-COUNTERSIGNED": "that other organisations saw the same log, or when, beyond what the steps "
    "on countersigners and time stamps say",
    "N-VERIFIER": "anything about a copy of the verifier that came in the bundle: use one from "
    "another source",
}
