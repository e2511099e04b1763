/**
 * The text of a receipt, form only (docs/format-receipt.md). Every rule of its one spelling is
 * checked where the line is read, so nothing has to be written again to compare.
 */

import { decodeUtf8, latin1, unb64, utf8, equal } from "./bytes.js";
import { parseSize } from "./checkpoint.js";
import { parseDisclosure, parseOpening } from "./disclosure.js";
import { Refused } from "./errors.js";
import { byCodePoint } from "./bytes.js";
import { isAuthority, isDecimal, isItemId, isOrigin, isTime } from "./shapes.js";

/** @typedef {import("./disclosure.js").Disclosure} Disclosure */
/** @typedef {import("./disclosure.js").Opening} Opening */
/** @typedef {{index: number, leaf: Uint8Array, path: Uint8Array[], seen: Uint8Array[] | null, opening: Opening | null, reveals: Disclosure[]}} ReceiptEvent */
/** @typedef {{authority: string, reply: Uint8Array}} Token */
/** @typedef {{manifest: Uint8Array, tokens: Token[]}} Renewal */
/** @typedef {{size: number, note: Uint8Array, consistency: Uint8Array[], tokens: Token[], renewals: Renewal[]}} State */
/** @typedef {{origin: string, subject: string[], made: string, events: ReceiptEvent[], states: State[], peers: Uint8Array[], note: Uint8Array}} Receipt */

export const MAGIC = "evidence-vault/receipt/v1";
export const MAX_RECEIPT = 256 * 1024 * 1024;
const MAX_EVENTS = 100_000;
const MAX_BLOB = 1_000_000;
const MAX_ENTRY = 65_535;
const LF = 10;

/** Walks the lines; every complaint carries the number of the line. */
class Lines {
  /** @param {Uint8Array} data */
  constructor(data) {
    this._data = data;
    this._at = 0;
    this._number = 0;
    /** @type {Uint8Array} the line that was taken last, without its LF */
    this.raw = data;
    /** @type {string} the same with one character for each byte */
    this.line = "";
  }

  /** Go to the next line. */
  next() {
    this._number += 1;
    const end = this._data.indexOf(LF, this._at);
    if (end < 0) throw this.wrong("the receipt ends too early");
    this.raw = this._data.subarray(this._at, end);
    this.line = latin1(this.raw);
    this._at = end + 1;
    return this.line;
  }

  /** @param {string} start @returns {Uint8Array} what follows it on the next line */
  after(start) {
    this.next();
    if (!this.line.startsWith(start)) throw this.wrong(`expected '${start.trim()}'`);
    return this.raw.subarray(start.length);
  }

  /** @param {string} start @returns {string} the same as text */
  text(start) {
    const text = decodeUtf8(this.after(start));
    if (text === null) throw this.wrong("not UTF-8");
    return text;
  }

  /** The hashes of the line that was taken. @param {string} name */
  hashes(name) {
    const [first, ...words] = this.line.split(" ");
    if (first !== name || words.length > 63) throw this.wrong(`expected '${name}' and hashes`);
    return words.map((word) => this.blob(word, `an element of ${name}`, 32));
  }

  /** @param {string} word @param {string} what @param {number} [length] */
  blob(word, what, length) {
    let data;
    try {
      data = unb64(word, what, length);
    } catch (error) {
      throw error instanceof Refused ? this.wrong(error.message) : error;
    }
    this.must(0 < data.length && data.length <= MAX_BLOB, `${what} is empty or over 1,000,000 bytes`);
    return data;
  }

  blank() {
    this.must(this.next() === "", "expected an empty line");
  }

  rest() {
    return this._data.subarray(this._at);
  }

  /** @param {unknown} condition @param {string} what */
  must(condition, what) {
    if (!condition) throw this.wrong(what);
  }

  /** @param {string} what */
  wrong(what) {
    return new Refused(`receipt, line ${this._number}: ${what} (docs/format-receipt.md)`);
  }
}

/** @param {Uint8Array} data @returns {Receipt} */
export function parseReceipt(data) {
  if (data.length > MAX_RECEIPT) throw new Refused("a receipt is larger than 256 MiB");
  const lines = new Lines(data);
  lines.must(lines.next() === MAGIC, `a receipt begins with ${MAGIC}`);
  const origin = lines.text("origin ");
  lines.must(isOrigin(origin), "the origin is not a log origin");
  const subject = lines.text("").split(" ");
  lines.must(isSubject(subject), "the subject must be 'item' with home and id, or 'vault'");
  const made = lines.text("made ");
  lines.must(isTime(made), "'made' must be YYYY-MM-DDTHH:MM:SSZ");
  lines.blank();
  /** @type {Receipt} */
  const receipt = { origin, subject, made, events: [], states: [], peers: [], note: data };
  readBlocks(lines, receipt);
  lines.must(receipt.events.length > 0, "a receipt holds at least one event");
  receipt.note = lines.rest();
  lines.must(
    0 < receipt.note.length && receipt.note.length <= MAX_BLOB,
    "the checkpoint is empty or over 1,000,000 bytes",
  );
  return receipt;
}

/** @param {string[]} subject */
function isSubject(subject) {
  const [kind, home, id] = subject;
  if (kind === "vault") return subject.length === 1;
  return kind === "item" && subject.length === 3 && isOrigin(home) && isItemId(id);
}

/** Blocks in the order of the grammar: events, states, peers. @param {Lines} lines @param {Receipt} receipt */
function readBlocks(lines, receipt) {
  const { events, states, peers } = receipt;
  while (lines.next() !== "checkpoint") {
    if (lines.line.startsWith("event ")) {
      lines.must(states.length + peers.length === 0, "events stand before states and peers");
      lines.must(events.length < MAX_EVENTS, "a receipt holds at most 100,000 events");
      events.push(readEvent(lines));
    } else if (lines.line.startsWith("state ")) {
      lines.must(peers.length === 0, "states stand before peers");
      lines.must(states.length < 1000, "a receipt holds at most 1,000 states");
      const state = readState(lines);
      const before = states.length ? states[states.length - 1].size : 0;
      lines.must(before < state.size, "states must stand in ascending order of size");
      states.push(state);
    } else {
      lines.must(lines.line.startsWith("peer "), "expected an event, state, peer or 'checkpoint'");
      lines.must(peers.length < 1000, "a receipt holds at most 1,000 checkpoints of other logs");
      peers.push(lines.blob(lines.line.slice(5), "a checkpoint"));
      lines.blank();
    }
  }
}

/** @param {Lines} lines @param {string} start */
function number(lines, start) {
  const text = lines.line.slice(start.length);
  lines.must(isDecimal(text), `expected '${start.trim()}' and a number`);
  return parseSize(text, "a number of the receipt");
}

/** @param {Lines} lines @returns {ReceiptEvent} */
function readEvent(lines) {
  const index = number(lines, "event ");
  const leaf = lines.after("leaf ");
  lines.must(0 < leaf.length && leaf.length <= MAX_ENTRY, "an entry is empty or over 65,535 bytes");
  lines.next();
  const path = lines.hashes("path");
  let seen = null;
  let opening = null;
  /** @type {Disclosure[]} */
  const reveals = [];
  lines.next();
  if (lines.line === "seen" || lines.line.startsWith("seen ")) {
    seen = lines.hashes("seen");
    lines.next();
  }
  if (lines.line.startsWith("member ")) {
    opening = parseOpening(lines.raw.subarray("member ".length));
    lines.next();
  }
  while (lines.line !== "") {
    lines.must(lines.line.startsWith("reveal "), "expected 'reveal' or an empty line");
    const found = parseDisclosure(lines.raw.subarray("reveal ".length));
    const before = reveals.length ? reveals[reveals.length - 1].name : found.name;
    lines.must(byCodePoint(before, found.name) <= 0, "revealed fields must be in order of names");
    reveals.push(found);
    lines.next();
  }
  return { index, leaf, path, seen, opening, reveals };
}

/** @param {Lines} lines @returns {State} */
function readState(lines) {
  const size = number(lines, "state ");
  const note = lines.blob(latin1(lines.after("note ")), "a checkpoint");
  lines.next();
  const consistency = lines.hashes("consistency");
  lines.next();
  const tokens = readTokens(lines);
  /** @type {Renewal[]} */
  const renewals = [];
  while (lines.line !== "") {
    lines.must(
      lines.line.startsWith("renewal ") && renewals.length < 64,
      "expected 'token', 'renewal' or an empty line",
    );
    const manifest = lines.blob(lines.line.slice("renewal ".length), "a renewal");
    lines.next();
    renewals.push({ manifest, tokens: readTokens(lines) });
  }
  return { size, note, consistency, tokens, renewals };
}

/** @param {Lines} lines @returns {Token[]} */
function readTokens(lines) {
  /** @type {Token[]} */
  const tokens = [];
  while (lines.line.startsWith("token ")) {
    const words = lines.line.split(" ");
    lines.must(words.length === 3 && tokens.length < 64, "expected 'token', a name and the reply");
    lines.must(isAuthority(words[1]), "a time authority has a name of a-z, 0-9 and '-'");
    tokens.push({ authority: words[1], reply: lines.blob(words[2], "a time stamp") });
    lines.next();
  }
  return tokens;
}

/** True when the bytes begin as a receipt does. @param {Uint8Array} data */
export function isReceipt(data) {
  return equal(data.subarray(0, MAGIC.length), utf8(MAGIC));
}
