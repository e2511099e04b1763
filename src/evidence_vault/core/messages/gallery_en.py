"""The gallery in a bundle (``G-``) and the page to start with (``SH-``), in English."""

from __future__ import annotations

MESSAGES: dict[str, str] = {
    # The head of the gallery
    "G-TITLE": "What is in this bundle",
    "G-PROVES-NOTHING": "This page proves nothing by itself: whoever changes a bundle can change "
    "this page, too. Check the bundle first: START-HERE says how, in three steps.",
    "G-START": "How to check (START-HERE)",
    "G-UNREVIEWED": "This translation has not been reviewed. The English text counts.",
    "G-LANGUAGE": "Language",
    "G-SKIP": "Skip to the items",
    "G-LOADING": "Reading the list of items…",
    "G-NO-SCRIPT": "This browser runs no scripts, so there is only a plain list. Each receipt is a "
    "file of its own; index.csv and custody.txt say the same.",
    "G-NO-SCRIPT-MORE": "{count} more items are not listed here: see index.csv.",
    "G-BUNDLE": "Bundle",
    "G-ORIGIN": "Log of the archive",
    "G-FINGERPRINT": "Fingerprint of the log",
    "G-MADE": "Made",
    "G-COUNTS": "Items",
    "G-COUNTED": "{chosen} chosen: {exported} with a file here, {withheld} with their receipt only",
    # Search and filters
    "G-FIND": "Find",
    "G-SEARCH": "Search in what is revealed",
    "G-SEARCH-NOTE": "Only revealed values are searched. What is withheld is not in this page.",
    "G-KIND": "Kind of file",
    "G-CASE": "Case",
    "G-PLACE": "Place",
    "G-VIOLATION": "Violation",
    "G-STATE": "What leaves",
    "G-GAPS": "Custody",
    "G-ANY": "any",
    "G-NONE-REVEALED": "none revealed",
    "G-CLEAR": "Clear",
    "G-HAS-GAP": "with a gap",
    "G-NO-GAP": "without a known gap",
    "G-K-picture": "picture",
    "G-K-video": "video",
    "G-K-sound": "sound",
    "G-K-document": "document",
    "G-K-other": "other",
    "G-S-original": "original",
    "G-S-copy": "share copy without metadata",
    "G-S-none": "receipt only",
    # Views and pages of results
    "G-VIEW": "Show as",
    "G-V-gallery": "Gallery",
    "G-V-claimed": "By claimed date",
    "G-V-recorded": "By recorded date",
    "G-CLAIMED-NOTE": "When it happened, as somebody said. The archive did not check it. No day is "
    "added to a date that has none.",
    "G-RECORDED-NOTE": "When the archive took it in, by its own clock. It says nothing about when "
    "something happened.",
    "G-UNKNOWN-DATE": "Date not known",
    "G-WITHHELD-DATE": "Date withheld",
    "G-FOUND": "{found} of {all} items",
    "G-PAGE": "Page {page} of {pages}",
    "G-PREVIOUS": "Previous",
    "G-NEXT": "Next",
    "G-NOTHING-FOUND": "No item fits.",
    # One item
    "G-BACK": "Back to the list",
    "G-FILE": "File",
    "G-PATH": "Where it is",
    "G-TYPE": "Type (from its content)",
    "G-SIZE": "Size",
    "G-BYTES": "{count} bytes",
    "G-DIGESTS": "Digests of this file",
    "G-SAVE": "Save a copy",
    "G-NOT-OPENED": "This page does not open files of this kind: they can carry programs, and a "
    "browser would run them or tell others that you read them. Take the file from the folder of "
    "the bundle and open it on a machine kept for this.",
    "G-NOT-PLAYED": "This browser cannot show it. The file is in the folder of the bundle.",
    "G-WHY-NONE": "Why no file is here",
    "G-NO-THUMB-kind": "no preview of this kind",
    "G-NO-THUMB-large": "too large for a preview",
    "G-NO-THUMB-undecoded": "a preview could not be made",
    "G-NO-THUMB-tool": "the tool for a preview was not there",
    "G-NO-THUMB-off": "previews were left out",
    "G-NO-THUMB-none": "file not in this bundle",
    "G-THUMB-NOTE": "Previews are small pictures made for this page. They are no evidence.",
    "G-PREVIEW-OF": "Preview of {item}",
    "G-DESCRIPTION": "As described",
    "G-CLAIMED": "{name} (claimed, not checked)",
    "G-NOT-CHECKED": "not checked by the archive",
    "G-WITHHELD": "Withheld",
    "G-UNKNOWN": "not known",
    "G-SHORTENED": "Shortened here: custody.txt has all of it.",
    "G-HISTORY": "Custody",
    "G-RECORDED": "Recorded",
    "G-CLOCK": "by the archive's clock",
    "G-HAPPENED": "Happened (claimed)",
    "G-PRECISION": "precision: {precision}",
    "G-BASIS": "stated by: {basis}",
    "G-P-year": "year",
    "G-P-month": "month",
    "G-P-day": "day",
    "G-P-minute": "minute",
    "G-P-second": "second",
    "G-PROVED": "Proved by others",
    "G-NO-BRACKET": "nothing by others limits the time of this event",
    "G-POSITION": "Entry in the log",
    "G-KEY": "Signed with key",
    "G-VOID": "VOID: signed by a key that no longer counted",
    "G-GAP-void": "An event was signed by a key that no longer counted.",
    "G-GAP-handover": "A hand-over to another archive was not confirmed.",
    "G-GAP-custody": "The archive recorded a gap in custody.",
    "G-PROOFS": "Proofs and papers",
    "G-RECEIPT": "Receipt",
    "G-STATEMENT": "How the share copy was made",
    "G-REPORT": "Custody report (PDF, {lang})",
    "G-CUSTODY": "Custody record of all items",
    "G-COUNT-WITHHELD": "{count} fields withheld",
    "G-DETAILS": "Details",
    "G-HOME": "From the archive",
    # START-HERE
    "SH-TITLE": "START HERE",
    "SH-WHAT-H": "What this is",
    "SH-WHAT": "A bundle of evidence: {exported} of {chosen} items with a file, {withheld} with "
    "their receipt only. Each item has a receipt of its own, by which a stranger can check it "
    "without trusting whoever handed it over.",
    "SH-WHO-H": "Who gave it",
    "SH-WHO": "An archive that signs under the names below. A name alone proves nothing: compare "
    "the fingerprint (step 3).",
    "SH-CONTACT-H": "Whom to call",
    "SH-CONTACT-BLANK": "Not stated. Write here who gave it to you, with a telephone number that "
    "you had before: ______________________",
    "SH-CONTACT-NOTE": "Stated by whoever made the bundle; not checked. Call a number that you had "
    "before.",
    "SH-CHECK-H": "How to check it, in three steps",
    "SH-STEP-1": "Get the trust file of the archive by another way than this bundle: from its "
    "people, from a partner, on paper. A trust file or a checking program that lies in this bundle "
    "proves nothing.",
    "SH-STEP-2": "Check: open the page verify.html that came with the trust file, and put this "
    "bundle and the trust file into it; nothing leaves your machine. Or: evidence-vault verify "
    "--trust TRUST-FILE BUNDLE. Or with the tools of your system: HOW-TO-VERIFY.txt.",
    "SH-STEP-3": "Compare the fingerprint that stands above with the one that the archive reads to "
    "you, by telephone or face to face.",
    "SH-OUTCOMES": "There are three outcomes: matches, does not match, could not be checked. What "
    "could not be checked is not proved.",
    "SH-NOT-H": "What a match does not prove",
    "SH-NOT-1": "That what a file shows or says is true, or that nothing was staged. A match says "
    "that it is the file that the archive took in, and who held it since.",
    "SH-NOT-2": "When or where something happened. Dates and places are what somebody said.",
    "SH-NOT-3": "That this is everything. Items and fields may have been withheld; the counts say "
    "how many.",
    "SH-NOT-4": "That nothing happened in the archive after this bundle was made.",
    "SH-CARE-H": "Take care",
    "SH-CARE": "Files under data/ are as they were received and may be made to harm: do not open "
    "documents or web pages among them on your everyday machine. They may put people in danger: "
    "keep the bundle encrypted and do not send it on by e-mail or chat.",
    "SH-WHERE-H": "Where to find what",
    "SH-W-index": "pictures, films and a list of all items to look through, in a browser; proves "
    "nothing by itself",
    "SH-W-receipts": "the proof of each item, one file each; an item and its receipt can be filed "
    "alone",
    "SH-W-data": "the files themselves: originals, or share copies without metadata",
    "SH-W-copies": "how each share copy was made and what was taken out",
    "SH-W-custody": "who held, opened and passed on each item, as far as it was revealed",
    "SH-W-indexcsv": "every item: in or withheld, and why",
    "SH-W-howto": "how to check with the tools of any system",
    "SH-W-statement": "what must be in this bundle, signed",
    "SH-W-reports": "the custody report, to print",
    "SH-W-loadfile": "tables for the evidence system of a court or prosecutor",
    "SH-W-archive": "description for archivists (PREMIS, Dublin Core, ISAD(G))",
    "SH-W-case": "the same for forensic tools (CASE)",
    "SH-W-crate": "the same for research data (RO-Crate)",
}
