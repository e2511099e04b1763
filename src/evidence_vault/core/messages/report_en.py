"""Reports on paper in English: custody report (``RP-``), certificate (``CE-``), contact "
"(``CS-``)."""

from __future__ import annotations

MESSAGES: dict[str, str] = {
    # Custody report: head
    "RP-TITLE": "Custody report",
    "RP-PAGE": "Page",
    "RP-WHAT": "What this is",
    "RP-INTRO": "What the records of an archive show about {count} items, and how far each "
    "statement can be checked. It is made only from what the receipts reveal. It helps to read "
    "them and proves nothing by itself: the proof is in the receipts.",
    "RP-IN-BUNDLE": "It is a file of a bundle. The signed statement of the bundle lists its "
    "digest, HOW-TO-VERIFY says how to check both.",
    "RP-ALONE": "It left the archive without a bundle. Signatures of the archive over this file "
    "lie beside it, in two files with the same name and .sig or .sshsig after it. A receipt for "
    "each item, which the archive can write, proves what stands here.",
    "RP-L-ORIGIN": "Archive (name of its log)",
    "RP-L-FINGERPRINT": "Fingerprint of the archive",
    "RP-L-STATE": "State of the log",
    "RP-STATE": "{size} entries, root hash",
    "RP-L-WRITTEN": "Written",
    "RP-L-BUNDLE": "Bundle",
    "RP-L-EVENT": "Recorded as",
    "RP-EVENT": "entry {index}, hash",
    "RP-L-PROGRAM": "Program",
    "RP-L-ITEMS": "Items",
    "RP-ITEMS": "{chosen} chosen: {originals} leave with their original, {copies} with a share "
    "copy, {receipts} with their receipt only",
    "RP-ITEMS-ALONE": "{chosen} chosen; no file of theirs leaves with this report",
    "RP-L-FIELDS": "Fields",
    "RP-FIELDS": "{shown} revealed, {withheld} withheld",
    "RP-READ": "How to read it",
    "RP-READ-RECORDED": '"Recorded" is the clock of the archive when it signed the entry. '
    '"Proved by others" is what authorities for time stamps confirm.',
    "RP-READ-CLAIMED": '"Claimed" is what somebody said. The archive did not check it.',
    "RP-READ-WITHHELD": '"Withheld" means that the archive has a value and does not show it '
    'here; the entry is committed to it, so it can\'t be exchanged unnoticed. "Not known" means '
    "that it has none.",
    "RP-READ-TEXT": "Text from files and people is printed as it is. A sign that is not in the "
    "fonts of this report stands as its number, like [U+1F600]. Numbers of entries count from 0.",
    # Attention
    "RP-ATTENTION": "What needs attention",
    "RP-NONE": "Nothing of the kind looked for here was found.",
    "RP-A-VOID": "Entries signed by a key that no longer counted; they prove nothing: {count}",
    "RP-A-TRANSFER": "Hand-overs that the other archive has not confirmed here, so that custody "
    "is open: {count}",
    "RP-A-EXPORT": "Copies handed out before this, without an acknowledgement by the recipient "
    "on record: {count}",
    "RP-A-SEQUENCE": "Gaps in the numbers of the entries that are shown: {count}",
    "RP-A-BEFORE": "Who held it before the archive is not known, or is withheld",
    "RP-A-TIME": "Entries whose time nobody but the archive's own clock shows: {count}",
    "RP-A-FIXITY": "No comparison of the stored copy with its digests after it came in is on "
    "record",
    "RP-A-CHECK": "Checks of the receipt that do not match, or could not be made: {count}",
    "RP-IN-ITEMS": "in {items} items: {names}",
    "RP-MORE": "and {count} more",
    # Checks
    "RP-CHECKED": "What was checked, and what could not be",
    "RP-CHECKED-BY": "When this was written, the archive's own program checked the receipts of "
    "{checked} of {chosen} items against the archive's own list of keys. That is the archive's "
    "word. Check again with a program and a trust file that came by another channel.",
    "RP-UNCHECKED-REST": "The receipts of {count} items were not checked when this was written.",
    "RP-FILES-COMPARED": "Files that leave: {count}. Each was read again on its way out; its "
    "size, SHA-256 and SHA-512 are those that its entry commits to.",
    "RP-FILES-NOT": "No stored file was read for this report: nothing is said here about what is "
    "stored today.",
    "RP-C-STEP": "Check",
    "RP-C-NOTHING": "nothing there to check",
    # Keys
    "RP-KEYS": "Keys, countersigners, time authorities",
    "RP-K-ROLE": "Role",
    "RP-K-KEY": "Key (SHA-256 of the public key)",
    "RP-K-COUNTS": "Counts for entries",
    "RP-K-ON": "from {start} on",
    "RP-K-UNTIL": "from {start} to {end}",
    "RP-K-NEVER": "none",
    "RP-COSIGNERS": "Countersigners",
    "RP-COSIGNERS-WHAT": "Other organisations that signed a state of the log that goes along:",
    "RP-AUTHORITIES": "Time authorities",
    "RP-AUTHORITIES-WHAT": "Those that stamped a state of the log that goes along:",
    "RP-P-PRESENT": "present",
    "RP-P-PENDING": "asked for, not there yet when this was written",
    "RP-P-NONE": "not set up by this archive",
    # Withheld
    "RP-WITHHELD": "What was withheld, and why",
    "RP-W-ITEMS": "Items whose file does not leave:",
    "RP-W-NO-ITEMS": "No item was chosen whose file does not leave.",
    "RP-W-FIELDS": "Fields leave only when somebody decides so by their name. These did not, in "
    "the entries counted here:",
    "RP-W-NO-FIELDS": "No field was withheld.",
    "RP-R-NOT-ASKED": "original not asked for (--originals): only its receipt leaves",
    "RP-R-NOT-KEPT": "original not kept (strip-only), and no share copy is there: only its "
    "receipt leaves",
    # Not shown
    "RP-NOT-SHOWN": "What this does not show",
    "RP-N-CODES": "who stands behind a code name",
    "RP-N-PAPER": "anything by itself: a print or copy of this report can be changed, and only "
    "the receipts and signatures show it",
    # Tables and chains
    "RP-TABLE": "Items",
    "RP-T-ITEM": "Item",
    "RP-T-KIND": "Kind",
    "RP-T-LEAVES": "What leaves",
    "RP-T-ENTRIES": "Entries",
    "RP-T-TIME": "First and last entry",
    "RP-T-ATTENTION": "Attention",
    "RP-T-CUT": "{left} further items do not stand in this table. index.csv and custody.csv of "
    "the bundle list all of them.",
    "RP-CHAINS": "Chains of custody",
    "RP-CHAINS-CUT": "{full} of {chosen} items have their chain below: first those that need "
    "attention beyond what all have, then in their order. The chains of the other {left} stand "
    "in custody.txt and in their receipts, and are not left out of any number above.",
    "RP-EVENTS-CUT": "Of {count} entries the first {first} and the last {last} are shown. The "
    "{left} between stand in the receipt.",
    "RP-LV-ORIGINAL": "the original",
    "RP-LV-COPY": "a share copy without metadata",
    "RP-LV-RECEIPT": "its receipt only: {reason}",
    "RP-LV-ONLY": "its receipt only",
    "RP-LV-NONE": "no file",
    "RP-I-THUMB": "Small picture of {item}",
    "RP-I-NO-DESCRIPTION": "No description is revealed.",
    "RP-I-HOME": "Home archive",
    "RP-I-LEAVES": "What leaves",
    "RP-I-ORIGINAL": "Original, as it came in",
    "RP-I-COPY": "Share copy that leaves",
    "RP-I-BYTES": "{size} bytes",
    "RP-I-HIDDEN": "its digests are withheld",
    "RP-I-WITHHELD": "Withheld of its description",
    "RP-I-CHAIN": "Chain: {count} entries, number {first} to {last}",
    "RP-I-CHECKS": "Receipt checked",
    "RP-I-NOT-CHECKED": "not when this was written",
    # Events
    "RP-E-RECORDED": "Recorded",
    "RP-E-CLOCK": "{time}, by the archive's clock",
    "RP-E-PROVED": "Proved by others",
    "RP-E-NOT-BEFORE": "not before {time} (its signer had seen the {basis} of {by})",
    "RP-E-NOT-AFTER": "not after {time} ({basis} of {by})",
    "RP-B-TOKEN": "time stamp",
    "RP-B-COUNTERSIGNER": "countersignature",
    "RP-E-NO-TIME": "nothing",
    "RP-E-CLAIMED": "Claimed: {what}",
    "RP-E-NOT-CHECKED": "{value} (not checked)",
    "RP-E-NOT-KNOWN": "not known",
    "RP-E-IS-WITHHELD": "withheld",
    "RP-E-WITHDRAWN": "withdrawn: now unknown",
    "RP-E-EMPTY": "(empty)",
    "RP-E-SIGNED": "Signed with",
    "RP-E-KEY": "{role} key {key}…",
    "RP-E-PLACE": "Place in the log",
    "RP-E-ENTRY": "entry {index}, hash",
    "RP-E-ACK": "Acknowledged",
    "RP-E-NO-ACK": "no acknowledgement by the recipient is on record",
    "RP-E-VOID": "VOID",
    "RP-E-VOID-WHY": "signed by a key that no longer counted",
    "RP-E-UNKNOWN": "Not known",
    "RP-E-UNCHANGED": "Not changed by it",
    "RP-E-WITHHELD": "Withheld",
    "RP-CLIPPED": "… [{shown} of {all} characters]",
    # Certificate
    "CE-TITLE": "Certificate of digests and custody",
    "CE-INTRO": "About one item of an archive of evidence. A program made it from the archive's "
    "signed log. The last part is for the person who certifies it.",
    "CE-ITEM": "Item",
    "CE-ORG": "Organisation",
    "CE-ORG-BLANK": "________________________ (the trust file names it for the keys below)",
    "CE-DIGESTS": "Digests of the original, as it came in",
    "CE-DIGESTS-COPY": "Digests of the share copy; those of the original are withheld",
    "CE-SIZE": "Size",
    "CE-FORMAT": "Format",
    "CE-PROCESS": "The electronic process",
    "CE-P-INTAKE": "Taking in. {program} read the file once, computed SHA-256 and SHA-512 over "
    "all its bytes, stored it and appended a signed entry about it to the archive's log: entry "
    "{index}, {time} by the archive's clock.",
    "CE-P-ACCEPTED": "Taking over. {program} took the file over from another archive, compared "
    "it with the digests of that archive's records, stored it and appended a signed entry about "
    "it: entry {index}, {time} by the archive's clock.",
    "CE-P-COPY": "Copy. {program} made the share copy from the stored original, computed both "
    "digests over all its bytes and appended a signed entry: entry {index}, {time} by the "
    "archive's clock.",
    "CE-P-LOG": "Log. Each entry is signed with Ed25519, has a fixed place in a hash tree that "
    "only grows (RFC 9162), and names the entry about the item before it. The state of the log "
    "is signed with Ed25519 and ML-DSA-44.",
    "CE-P-COMPARED": "Comparison. For this certificate the stored file was read again, whole, on "
    "{time}: its size and both digests are those recorded.",
    "CE-P-NOT-COMPARED": "Comparison. The stored file could not be compared for this "
    "certificate: it is not kept here.",
    "CE-CUSTODY": "Custody",
    "CE-C-CHAIN": "{count} entries about the item, {first} to {last}, without a gap in their "
    "numbers; the last is entry {index} (this certificate), hash {leaf}.",
    "CE-C-GAPPED": "{count} entries about the item, {first} to {last}, WITH GAPS in their "
    "numbers; the last is entry {index} (this certificate), hash {leaf}.",
    "CE-C-COUNTS": "Copies handed out before: {exports}, acknowledgements on record: none. "
    "Hand-overs not confirmed: {open}. Comparisons of the stored copy: {fixity}. Entries by "
    "keys that no longer counted: {void}.",
    "CE-C-PROVED": "Time of its arrival as proved by others: {lines}.",
    "CE-C-CHECKED": "Receipt checked when this was made, against the archive's own list of keys: "
    "{lines}.",
    "CE-NOT": "It does not show {lines}.",
    "CE-SIGNED": "Signature of the archive over this file, and how to check it",
    "CE-S-KEY": "Key {keyid} of the log {origin}. It counts if your trust file, which came by "
    "another channel, names it. Its public half, to be saved as KEY.pem:",
    "CE-S-FILE": "CERTIFICATE.pdf stands for the name of this file, FILE for a copy of the item, "
    "allowed_signers for the file that came with your trust file.",
    "CE-S-NOTHING": "nothing",
    "CE-PERSON": "For the person who certifies",
    "CE-P-STATEMENT": "To be filled in by hand on a print, for example for US Federal Rules of "
    "Evidence 902(13) and (14). Whether it serves a court is for that court to say.",
    "CE-P-I": "I know the process above and am qualified to speak of it. The digests above "
    "identify the item; a file with the same digests is a true copy of it. I declare under "
    "penalty of perjury (outside the United States: under the laws of the United States of "
    "America) that this is true and correct.",
    "CE-P-NAME": "Name",
    "CE-P-ROLE": "Position and qualification",
    "CE-P-PLACE": "Place and date",
    "CE-P-SIGNATURE": "Signature",
    # Contact sheet
    "CS-TITLE": "Contact sheet",
    "CS-WHAT": "To be kept on paper, away from the files. With it you tell on the telephone "
    "whether a trust file, and so everything checked with it, is really the one of this archive.",
    "CS-ORG": "Organisation",
    "CS-LOG": "Log",
    "CS-STATE": "As of",
    "CS-STATE-VALUE": "{size} entries, {made_at}",
    "CS-CALL": "Telephone, and whom to ask for",
    "CS-TRUST": "Fingerprint of the trust file",
    "CS-ARCHIVE": "Fingerprint of the archive; it stays the same while the log lasts",
    "CS-VERIFIERS": "SHA-256 of the verifiers",
    "CS-HOW": "How to check by telephone",
    "CS-1": "Call a number that you had before, not one from the message that brought the file.",
    "CS-2": "The other side shows the trust file (evidence-vault trust show FILE) and reads the "
    "words aloud, in order. Compare each one with this sheet.",
    "CS-3": "All the same: it is this archive's trust file. One differs: use nothing that came "
    "with it, and tell the archive.",
    "CS-4": "A newer trust file has another fingerprint. The fingerprint of the archive must be "
    "the same in both.",
    # Verifying a report or certificate
    "S-DOCUMENT": "The document is signed, and unchanged since",
    "V-DOC-OK": "both signatures beside it are over these bytes, by key {keyid}",
    "V-DOC-WRONG": "the signature and the document do not belong together; one was changed",
    "V-DOC-FORM": "is not a signature of such a document: {reason}",
    "V-DOC-MISSING": "is missing; it must lie beside the document, under its name",
    "V-DOC-NO-TRUST": "no trust file was given: key {keyid} could be anybody's",
    "V-DOC-KEY-UNKNOWN": "key {keyid} is NOT one that the trust file names for what leaves an "
    "archive: it is somebody else's, or newer than the trust file",
    "V-DOC-REVOKED": "key {keyid} was revoked, and the signature does not show whether it was "
    "made before; ask the archive for a receipt",
    "V-DOC-WHO-OK": "key {keyid} signs what leaves the archive of {org}, says the trust file",
    "N-DOCUMENT": "that what the document says is right: it tells what the archive's records "
    "showed when it was made; receipts prove those",
}
