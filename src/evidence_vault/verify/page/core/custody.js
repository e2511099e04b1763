/**
 * The custody entries of receipts: rules 1 to 6 and 8 of docs/format-receipt.md. Receipts of one
 * bundle share entry 0, set entries and the checkpoint; what was checked once is remembered.
 */

import { hex } from "./bytes.js";
import { Checked, CheckedEvent, entryName, openedEntry, ruleName } from "./checked.js";
import { openCheckpoint, parseCheckpoint } from "./checkpoint.js";
import { checkDisclosures, checkOpening } from "./disclosure.js";
import { pae, parseEntry } from "./entry.js";
import { KEY_EVENTS, KeyState, parseEntry0, roleFor } from "./entry0.js";
import { refused } from "./errors.js";
import { FIELDS } from "./eventtypes.js";
import { sha256hex } from "./hash.js";
import { verifyEd25519 } from "./keys.js";
import { checkInclusion, leafHash } from "./merkle.js";
import { parseNote } from "./note.js";
import { DIFFERS, finding } from "./report.js";
import { isDecimal } from "./shapes.js";
import { StateChecker } from "./states.js";
import { checkWho, contradicts } from "./who.js";

/** @typedef {import("./receipt.js").Receipt} Receipt */
/** @typedef {import("./receipt.js").ReceiptEvent} ReceiptEvent */
/** @typedef {import("./report.js").Finding} Finding */
/** @typedef {import("./entry0.js").Zero} Zero */
/** @typedef {import("./entry.js").Entry} Entry */
/** @typedef {import("./checked.js").Opened} Opened */
/** @typedef {import("./trust.js").TrustFile} TrustFile */
/** @typedef {import("./errors.js").Refused} Refused */

/**
 * What is wrong with who signed an entry at that position; null when nothing is.
 * @param {KeyState} keys
 * @param {number} index
 * @param {Entry} entry
 * @returns {Finding | null}
 */
function signatureProblem(keys, index, entry) {
  try {
    const raw = keys.keyOf(roleFor(entry.event.type, index), entry.keyid, index);
    verifyEd25519(raw, entry.signature, pae(entry.payload));
    return null;
  } catch (error) {
    const { code } = refused(error);
    const told = { "E-SIGNER": "R-SIGNER", "E-KEY-INTERVAL": "R-KEY-INTERVAL" };
    const name = /** @type {{[code: string]: string}} */ (told)[code] ?? "R-SIGNATURE";
    return finding(DIFFERS, name, entryName(index), { keyid: entry.keyid }, ruleName(2));
  }
}

/** Checks receipts against their own log state and against a trust file. */
export class CustodyChecker {
  /** @param {TrustFile | null} trust */
  constructor(trust) {
    this._trust = trust;
    this._states = new StateChecker(trust);
    /** @type {Map<string, Zero | Refused>} */ this._zeros = new Map();
    /** @type {Map<string, Finding | null>} */ this._notes = new Map();
    /** @type {Map<string, Opened>} */ this._shared = new Map();
  }

  /**
   * Apply rules 1 to 6 and 8 to 10; all is in the findings.
   * @param {Receipt} receipt
   * @returns {Checked}
   */
  check(receipt) {
    const result = new Checked();
    this._checkStart(receipt, result); // 1
    readKeys(receipt, result); // 2
    this._checkEntries(receipt, result); // 2 and 6
    this._checkCheckpoint(receipt, result); // 4, which gives the root for
    checkProofs(receipt, result); // 3
    checkHistory(receipt, result); // 5
    checkHeads(result);
    if (this._trust !== null) checkWho(receipt, result, this._trust); // 8
    this._states.check(receipt, result); // 9 and 10
    return result;
  }

  /** Rule 1. @param {Receipt} receipt @param {Checked} result */
  _checkStart({ events, origin }, result) {
    result.ran.add(1);
    if (events.some((each, i) => i > 0 && events[i - 1].index >= each.index)) {
      result.differ(1, "R-ORDER", origin);
    }
    const first = events[0];
    if (first.index !== 0) {
      result.differ(1, "R-ENTRY-ZERO", entryName(first.index), { reason: "entry 0 is missing" });
      return;
    }
    const zero = this._zero(first.leaf);
    if (zero instanceof Error) {
      result.differ(1, "R-ENTRY-ZERO", entryName(0), { reason: zero.message });
    } else if (zero.origin !== origin) {
      result.differ(1, "R-ORIGIN", entryName(0), { expected: origin, found: zero.origin });
    } else {
      result.zero = zero;
    }
  }

  /** @param {Uint8Array} leaf @returns {Zero | Refused} */
  _zero(leaf) {
    return remember(this._zeros, sha256hex(leaf), () => {
      try {
        return parseEntry0(leaf);
      } catch (error) {
        return refused(error);
      }
    });
  }

  /** Rule 2 for every leaf, rule 6 for its fields. @param {Receipt} receipt @param {Checked} result */
  _checkEntries(receipt, result) {
    result.ran.add(6);
    if (result.zero !== null) result.ran.add(2);
    for (const item of receipt.events) {
      const name = entryName(item.index);
      let opened;
      try {
        opened = this._open(item, result);
      } catch (error) {
        result.differ(2, "R-ENTRY", name, { reason: refused(error).message });
        continue;
      }
      const { event } = opened.entry;
      if (opened.problem) result.findings.push({ rule: 2, found: opened.problem });
      if (event.origin !== receipt.origin) {
        result.differ(2, "R-ORIGIN", name, { expected: receipt.origin, found: event.origin });
      }
      if (!FIELDS.has(event.type)) result.inform(2, "R-TYPE-UNKNOWN", name, { type: event.type });
      const values = checkFields(item, event, result);
      result.events.push(new CheckedEvent(item.index, opened, values));
    }
  }

  /** @param {ReceiptEvent} item @param {Checked} result @returns {Opened} */
  _open(item, result) {
    const { zero, keys } = result;
    // Log, keys and place are part of the key: what one entry 0 vouches for, another does not.
    const vouched = zero && keys ? `${hex(zero.fingerprint)} ${keys.describe()}` : "";
    return remember(this._shared, `${vouched} ${item.index} ${sha256hex(item.leaf)}`, () => {
      const opened = openedEntry(parseEntry(item.leaf), leafHash(item.leaf));
      if (keys) opened.problem = signatureProblem(keys, item.index, opened.entry);
      return opened;
    });
  }

  /** Rule 4. @param {Receipt} receipt @param {Checked} result */
  _checkCheckpoint(receipt, result) {
    let note;
    try {
      note = parseNote(receipt.note);
      result.checkpoint = parseCheckpoint(note.text);
    } catch (error) {
      result.ran.add(4);
      result.differ(4, "R-CHECKPOINT", receipt.origin, { reason: refused(error).message });
      return;
    }
    const { zero } = result;
    if (zero === null) return;
    result.ran.add(4);
    const key = `${hex(zero.fingerprint)} ${sha256hex(receipt.note)}`;
    const problem = remember(this._notes, key, () => noteProblem(receipt, zero));
    if (problem) result.findings.push({ rule: 4, found: problem });
    const others = note.lines.length - 2;
    if (problem === null && others > 0) {
      result.inform(4, "R-OTHER-SIGNATURES", receipt.origin, { count: others });
    }
  }
}

/**
 * @template T
 * @param {Map<string, T>} known
 * @param {string} key
 * @param {() => T} make
 * @returns {T}
 */
function remember(known, key, make) {
  if (!known.has(key)) {
    if (known.size > 100_000) known.clear();
    known.set(key, make());
  }
  return /** @type {T} */ (known.get(key));
}

/** Rule 2: which keys counted when, by the key events of the receipt. @param {Receipt} receipt @param {Checked} result */
function readKeys(receipt, result) {
  if (result.zero === null) return;
  const keys = new KeyState(result.zero);
  result.keys = keys;
  for (const item of receipt.events) {
    let entry;
    try {
      entry = parseEntry(item.leaf);
    } catch (error) {
      refused(error); // said when the entries are checked
      continue;
    }
    if (!KEY_EVENTS.includes(entry.event.type) || item.index === 0) continue;
    if (signatureProblem(keys, item.index, entry) !== null) continue; // changes no key
    try {
      keys.apply(item.index, entry.event);
    } catch (error) {
      const { message } = refused(error);
      result.differ(2, "R-KEY-EVENT", entryName(item.index), { reason: message });
    }
  }
}

/** Rule 6. @param {ReceiptEvent} item @param {import("./entry.js").Event} event @param {Checked} result */
function checkFields(item, event, result) {
  let values;
  try {
    values = checkDisclosures(event.sd, item.reveals);
  } catch (error) {
    const { code, message } = refused(error);
    result.differ(6, code, entryName(item.index), { reason: message });
    return new Map();
  }
  const size = values.get("content_size") ?? "0";
  if (!isDecimal(size)) {
    result.differ(6, "R-SIZE-TEXT", entryName(item.index), { found: String(size).slice(0, 40) });
  }
  return values;
}

/** @param {Receipt} receipt @param {Zero} zero @returns {Finding | null} */
function noteProblem(receipt, zero) {
  try {
    openCheckpoint(receipt.note, zero.logKeys);
    return null;
  } catch (error) {
    const { code, message } = refused(error);
    const name = code === "E-CHECKPOINT-DOWNGRADE" ? "R-CHECKPOINT-DOWNGRADE" : "R-CHECKPOINT";
    return finding(DIFFERS, name, receipt.origin, { reason: message }, ruleName(4));
  }
}

/** Rule 3. @param {Receipt} receipt @param {Checked} result */
function checkProofs(receipt, result) {
  const { checkpoint } = result;
  if (checkpoint === null) return;
  result.ran.add(3);
  for (const { leaf, index, path } of receipt.events) {
    try {
      checkInclusion(leafHash(leaf), index, checkpoint.size, checkpoint.root, path);
    } catch (error) {
      result.differ(3, "R-PROOF", entryName(index), { reason: refused(error).message });
    }
  }
}

/** A head that a signer saw must not contradict the checkpoint. @param {Checked} result */
function checkHeads(result) {
  const point = result.checkpoint;
  if (point === null) return;
  for (const each of result.events) {
    const signed = each.opened.problem === null && result.zero !== null;
    if (signed && contradicts(each.event, point.origin, point.size, point.root)) {
      result.differ(3, "R-LOG-FORK", entryName(each.index), { size: point.size });
    }
  }
}

/** Rule 5. @param {Receipt} receipt @param {Checked} result */
function checkHistory(receipt, result) {
  if (result.events.length !== receipt.events.length) return; // rule 2 says which can't be read
  result.ran.add(5);
  const closing = result.events[result.events.length - 1].event.recorded_at;
  if (receipt.made !== closing) {
    result.differ(5, "R-MADE", receipt.origin, { expected: closing, found: receipt.made });
  }
  openMembers(receipt, result);
  if (receipt.subject[0] === "vault") return;
  const own = eventsOfItem(receipt, result);
  for (const [expected, each] of own.entries()) {
    const name = entryName(each.index);
    if (each.seq !== expected) {
      result.differ(5, "R-SEQUENCE", name, { expected, found: each.seq ?? "none" });
      return;
    }
    const prev = expected > 0 ? own[expected - 1].leaf : null;
    if (each.prev !== prev) {
      const details = { expected: prev ?? "none", found: each.prev ?? "none" };
      result.differ(5, "R-PREV", name, details);
      return;
    }
  }
  if (own.length === 0) result.differ(5, "R-NO-EVENTS", receipt.subject[2]);
  else if (result.arrivals.length > 1) result.differ(5, "R-SECOND-INGEST", receipt.subject[2]);
}

/** The place of each set event in the item's history, from its opening. @param {Receipt} receipt @param {Checked} result */
function openMembers(receipt, result) {
  receipt.events.forEach(({ opening, index }, i) => {
    const checked = result.events[i];
    const { subject } = checked.event;
    /** @param {string} reason */
    const wrong = (reason) => result.differ(5, "R-MEMBER", entryName(index), { reason });
    if (opening === null) {
      const needed = subject.kind === "set" && receipt.subject[0] !== "vault";
      if (needed) wrong("no opening is shown");
    } else if (subject.kind !== "set") {
      wrong("its subject is not a set");
    } else {
      try {
        checkOpening(opening, subject.root);
        checked.seq = opening.seq;
        checked.prev = opening.prev;
      } catch (error) {
        wrong(refused(error).message);
      }
    }
  });
}

/** The item's events; one about something else than item or vault is a finding. @param {Receipt} receipt @param {Checked} result */
function eventsOfItem(receipt, result) {
  const [, home, id] = receipt.subject;
  return result.events.filter((checked, i) => {
    if (i === 0) return false;
    const { opening } = receipt.events[i];
    if (checked.opened.beside && opening === null) return false;
    const { subject } = checked.event;
    const about = opening ?? subject;
    const kinds = ["item", "set"];
    if (!kinds.includes(subject.kind) || about.home !== home || about.id !== id) {
      result.differ(5, "R-SUBJECT", entryName(checked.index), { expected: id });
    }
    return true;
  });
}

