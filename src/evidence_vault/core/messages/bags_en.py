"""English messages about bags that are not ours."""

from __future__ import annotations

MESSAGES: dict[str, str] = {
    # Steps
    "S-BAG-DECLARED": "It is a BagIt bag of a known version",
    "S-BAG-LISTS": "The lists of files can be read and stay inside the bag",
    "S-BAG-PAYLOAD": "The files are there and unchanged, and no other is",
    "S-BAG-TAGS": "The files that describe the bag are unchanged",
    "S-BAG-INFO": "The bag's own description agrees with what is there",
    "S-BAG-CUSTODY": "What happened to the files before",
    # What was found
    "PB-NO-DECLARATION": "missing: without it this is no BagIt bag",
    "PB-DECLARATION": "not a bag declaration: {reason}",
    "PB-ENCODING": "{reason}",
    "PB-VERSION": "BagIt {version} is not known here (0.93 to 1.0 are)",
    "PB-DECLARED-OK": "BagIt {version}, lists written in {encoding}",
    "PB-NO-MANIFEST": "there is no list of files (manifest): nothing can be compared",
    "PB-LIST": "not a list that can be read: {reason}",
    "PB-LISTS-OK": "the lists hold {count} lines, and none leads out of the bag",
    "PB-OUTSIDE": "leads out of the bag (on {system} systems): such a bag is refused on "
    "every system",
    "PB-NOT-PAYLOAD": "a list of the bag's content names a file that is not below data/",
    "PB-NOT-A-TAG": "a list of descriptions names a file below data/",
    "PB-TWICE": "listed twice, so that two readers may check two different things",
    "PB-TWICE-SAME": "warning: listed twice, with the same checksum",
    "PB-SPELLINGS": "warning: the same name in two Unicode spellings, with the same checksum",
    "PB-SPELLING": "warning: the file that is there has another Unicode spelling of that "
    "name: {found}",
    "PB-PERCENT": "warning: its name holds a percent sign that the list does not write as BagIt "
    "1.0 demands; the file of exactly that name was taken: {found}",
    "PB-DOTTED": "warning: written with ./ in front, which some programs do not understand",
    "PB-CASE": "warning: some systems take it for the same name as {other}",
    "PB-SYSTEM-FILE": "warning: a file that operating systems make and remove by themselves",
    "PB-NAME": "warning: not every system can hold a file of this name ({reason})",
    "PB-FETCH": "the bag says that it lies elsewhere on a network; nothing is fetched, so it could "
    "not be checked",
    "PB-FETCH-UNLISTED": "to be fetched from elsewhere, and no list says what it must be",
    "PB-NO-DATA": "the folder of the content is missing",
    "PB-MISSING": "missing, although {list} lists it",
    "PB-UNLISTED": "{list} does not list it",
    "PB-CHANGED": "changed: {algorithm} expected {expected}, found {found}",
    "PB-ALGORITHM": "the checksum {algorithm} is not known here",
    "PB-WEAK": "its {algorithm} checksums find accidents; whoever means to can make another file "
    "with the same one",
    "PB-FILES-OK": "{count} files are there and have the listed checksums",
    "PB-TAGS-OK": "{count} files have the listed checksums",
    "PB-NO-TAG-MANIFEST": "no list protects the lists: a changed list shows nowhere",
    "PB-TAGS-LOOSE": "and in all {count} such files are in no list: what they say could have been "
    "changed",
    "PB-NO-INFO": "there is none",
    "PB-INFO": "not readable: {reason}",
    "PB-INFO-OK": "{count} entries; size and number of files, if stated, agree",
    "PB-OXUM": "states {expected} (bytes.files), found {found}",
    "PB-OXUM-FETCH": "size and number can't be compared while files lie elsewhere",
    "PB-TOO-LARGE": "larger than {limit} bytes: not read",
    "PB-NO-CUSTODY": "a plain bag carries no custody record that could be checked",
    "PB-NO-WHO": "a plain bag is not signed: nothing shows who made it",
    "PB-NO-TIME": "a plain bag proves no time",
    "N-BAG": "more than that the files are as listed: whoever can change the files can make the "
    "lists anew, so compare the checksums of the lists with whoever gave you the bag",
}
