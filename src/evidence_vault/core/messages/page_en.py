"""English messages of the verifier page."""

from __future__ import annotations

MESSAGES: dict[str, str] = {
    "P-TITLE": "Check a receipt or a bundle",
    "P-INTRO": "Give a receipt with its file, or a whole bundle, and the trust file of the "
    "archive. All is checked inside this browser. This page sends nothing and "
    "needs no network: you may unplug it.",
    "P-LANGUAGE": "Language",
    "P-SKIP": "Skip to the result",
    # Giving files
    "P-GIVE": "1. Give the files",
    "P-DROP": "Drop files or a folder anywhere on this page, or choose them. Nothing is opened: "
    "files are only read and compared.",
    "P-CHOOSE-FILES": "Choose files",
    "P-CHOOSE-FOLDER": "Choose a folder",
    "P-GIVEN": "Given so far",
    "P-EMPTY": "Nothing was given yet.",
    "P-ADDED": "Added: {count}",
    "P-REMOVED": "{name} was removed.",
    "P-REMOVE": "Remove",
    "P-REMOVE-NAMED": "Remove {name}",
    "P-REMOVE-ALL": "Remove all",
    "P-KIND-TRUST": "trust file",
    "P-KIND-RECEIPT": "receipt",
    "P-KIND-ZIP": "ZIP, to be checked as a bundle",
    "P-KIND-FOLDER": "bundle folder of {count} files",
    "P-KIND-AGE": "encrypted file",
    "P-KIND-STATEMENT": "the statement of a bundle alone; give the whole bundle",
    "P-KIND-EMPTY": "empty file; the copy may be incomplete",
    "P-KIND-UNREADABLE": "could not be read from this disk",
    "P-KIND-OTHER": "file to compare with a receipt",
    "P-TRUST-NONE": "There is no trust file yet. It comes from the archive by another channel than "
    "the evidence. Without it nobody can say WHO made this.",
    "P-TRUST-REPLACED": "{name} takes the place of the trust file that was given before.",
    "P-NO-BUNDLE": "A folder that is no bundle was given; its {count} files were added one by one.",
    "P-UNREADABLE-FOLDER": "Something in the folder could not be read, so nothing was added "
    "({reason}). Choose it with the button instead.",
    "P-FILE-OF": "The file that this receipt is about",
    "P-FILE-NONE": "no file",
    "P-EXPECT": "The bundle id that its sender told you, if any",
    # Checking
    "P-CHECK": "2. Check",
    "P-START": "Check now",
    "P-CANCEL": "Cancel",
    "P-CANCELLED": "Cancelled. Nothing is said about any file.",
    "P-NOTHING": "There is nothing to check yet. Give a receipt or a bundle.",
    "P-WORKING": "Checking {name}",
    "P-PROGRESS": "{done} of {total} read",
    "P-LEFT": "about {time} left",
    "P-READING": "reading {path}",
    "P-PROGRESS-LABEL": "How much has been read",
    # Results
    "P-RESULT": "3. Result",
    "P-NO-RESULT": "Nothing was checked yet.",
    "P-ALL-RESULTS": "All results",
    "P-ABOUT-RECEIPT": "Receipt {name}",
    "P-ABOUT-PAIR": "Receipt {name}, with the file {file}",
    "P-ABOUT-BUNDLE": "Bundle {name}",
    "P-ABOUT-FILE": "File {name}",
    "P-ABOUT-TRUST": "Trust file {name}",
    "P-UNUSED": "was given, but no receipt here was compared with it; nothing is said about it",
    "P-WHO": "Who made this?",
    "P-WHO-TRUST": "The trust file that was used, made {made_at}",
    "P-WORDS": "Fingerprint in words",
    "P-READ-ALOUD": "Telephone the archive, at a number that did not come with the evidence. All "
    "words must be the same, in the same order.",
    "P-VAULT-FINGERPRINT": "Fingerprint of the vault",
    "P-HEX": "In hex: {fingerprint}",
    "P-STEPS": "What was checked",
    "P-SHOW-FINDINGS": "Details",
    "P-TECHNICAL": "Code and values",
    "P-REVEALED": "Revealed fields:",
    "P-EVENTS-BRACKETS": "Times between which an entry was made, as far as others vouch for them:",
    "P-WHOLE-VALUE": "the whole value, {count} characters",
    "P-SHOW-MORE": "Show them",
    "P-PRINT": "Print the result",
    "P-CHECKED-AT": "Checked {time} by this computer's clock, with verify.html {version}",
    "P-STOPPED": "COULD NOT BE CHECKED. The check stopped: {reason}",
    "P-STOPPED-HINT": "Copy the files to another disk and check those copies. If it stops again, "
    "use evidence-vault verify or verify.sh.",
    "P-AGE-HOW": "This is an encrypted file, perhaps a bundle. This page can't decrypt it. Open it "
    "with one of these commands, with the passphrase or the key file that it was made for; then "
    "check what comes out:",
    # This page itself
    "P-SELF": "Is this page the right one?",
    "P-SELF-COPY": "A copy of this page that came inside a bundle, or together with one, proves "
    "nothing: whoever can change a bundle can change the page in it. Use the copy that came with "
    "the trust file.",
    "P-SELF-HOW": "A page can't vouch for itself. Let the computer reckon its SHA-256, and compare "
    "that with the one that the archive reads to you by telephone:",
    "P-WINDOWS": "Windows",
    "P-MACOS": "macOS",
    "P-LINUX": "Linux",
    "P-LIMITS": "What this page can't see",
    "P-LIMITS-FOLDER": "A browser shows a folder without its links, and a chosen folder without "
    "its empty folders. Give the ZIP where there is one.",
    "P-LIMITS-PAGE": "Whether the browser, its extensions and the computer are honest. For a "
    "matter that counts, check again on another computer, with another program.",
    "P-NOSCRIPT": "This page needs JavaScript. It was turned off, so nothing can be checked.",
}
