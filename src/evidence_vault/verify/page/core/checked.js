/** What is known of a receipt and its entries while it is being checked. */

import { ARRIVALS } from "./eventtypes.js";
import { DIFFERS, finding, INFORMATION, MATCHES, UNCHECKED } from "./report.js";
import { hex } from "./bytes.js";
import { standsBeside } from "./entry.js";

/** @typedef {import("./report.js").Finding} Finding */
/** @typedef {import("./report.js").Details} Details */
/** @typedef {import("./entry.js").Entry} Entry */
/** @typedef {import("./entry0.js").Zero} Zero */
/** @typedef {import("./entry0.js").KeyState} KeyState */
/** @typedef {import("./checkpoint.js").Checkpoint} Checkpoint */
/** A leaf that was opened; `problem` says why its signature does not count. @typedef {{entry: Entry, leaf: Uint8Array, problem: Finding | null, beside: boolean}} Opened */
/** A time in POSIX seconds and who says so. @typedef {{time: number, basis: "token" | "countersigner", by: string}} Moment */
/** @typedef {{size: number, authority: string, check: import("./timestamps.js").TokenCheck}} SeenToken */

const LAST = 253402300799; // 9999-12-31T23:59:59Z

/** `YYYY-MM-DDTHH:MM:SSZ`; times beyond the year 9999 are cut. @param {number} seconds */
export function utc(seconds) {
  const date = new Date(1000 * Math.max(-62135596800, Math.min(seconds, LAST)));
  return date.toISOString().replace(/\.\d+Z$/, "Z");
}

/** @param {number} index */
export function entryName(index) {
  return `entry ${index}`;
}

/** @param {number} number */
export function ruleName(number) {
  return `docs/format-receipt.md rule ${number}`;
}

/** An event of a receipt after rules 2 and 6. */
export class CheckedEvent {
  /** @param {number} index @param {Opened} opened @param {Map<string, any>} values */
  constructor(index, opened, values) {
    this.index = index;
    this.opened = opened;
    this.values = values;
    /** @type {number | null} */ this.seq = this.event.item_seq;
    /** @type {string | null} */ this.prev = this.event.prev;
    const committed = Object.values(this.event.sd).filter((each) => each !== null).length;
    this.withheld = committed - values.size;
    /** @type {Moment | null} */ this.notBefore = null;
    /** @type {Moment | null} */ this.notAfter = null;
  }

  get event() {
    return this.opened.entry.event;
  }

  get leaf() {
    return hex(this.opened.leaf);
  }

  /** What a report says of the event. */
  toJson() {
    const { notBefore, notAfter, event } = this;
    return {
      gap_seconds: notBefore && notAfter ? notAfter.time - notBefore.time : null,
      index: this.index,
      item_seq: this.seq,
      leaf: this.leaf,
      not_after: momentJson(notAfter),
      not_before: momentJson(notBefore),
      recorded_at: event.recorded_at,
      revealed: Object.fromEntries(this.values),
      signer: event.signer,
      tool: event.tool,
      type: event.type,
      withheld: this.withheld,
    };
  }
}

/** @param {Moment | null} moment */
function momentJson(moment) {
  return moment && { basis: moment.basis, by: moment.by, time: utc(moment.time) };
}

/** @param {Entry} entry @param {Uint8Array} leaf @returns {Opened} */
export function openedEntry(entry, leaf) {
  return { entry, leaf, problem: null, beside: standsBeside(entry.event) };
}

/**
 * What came of one receipt: findings by rule, and the rules that could be applied at all. A rule
 * that ran and has no finding that is wrong or unchecked holds.
 */
export class Checked {
  constructor() {
    /** @type {{rule: number, found: Finding}[]} */ this.findings = [];
    /** @type {Set<number>} */ this.ran = new Set();
    /** @type {Zero | null} */ this.zero = null;
    /** @type {KeyState | null} */ this.keys = null;
    /** @type {Checkpoint | null} */ this.checkpoint = null;
    /** @type {CheckedEvent[]} */ this.events = [];
    /** @type {SeenToken[]} */ this.tokens = [];
  }

  /** @param {number} rule @param {string} outcome @param {string} code @param {string} subject @param {Details} details */
  _add(rule, outcome, code, subject, details) {
    const clause = outcome === MATCHES ? "" : ruleName(rule);
    this.findings.push({ rule, found: finding(outcome, code, subject, details, clause) });
  }

  /** @param {number} rule @param {string} code @param {string} subject @param {Details} [details] */
  differ(rule, code, subject, details = {}) {
    this._add(rule, DIFFERS, code, subject, details);
  }

  /** @param {number} rule @param {string} code @param {string} subject @param {Details} [details] */
  match(rule, code, subject, details = {}) {
    this._add(rule, MATCHES, code, subject, details);
  }

  /** @param {number} rule @param {string} code @param {string} subject @param {Details} [details] */
  unchecked(rule, code, subject, details = {}) {
    this._add(rule, UNCHECKED, code, subject, details);
  }

  /** @param {number} rule @param {string} code @param {string} subject @param {Details} [details] */
  inform(rule, code, subject, details = {}) {
    this._add(rule, INFORMATION, code, subject, details);
  }

  /** The item_seq of the item's last event; null for a receipt about the vault. */
  get lastSeq() {
    const own = this.events.filter((each) => !each.opened.beside);
    return own.length ? own[own.length - 1].seq : null;
  }

  /** The events by which the item came in: one in a good receipt. */
  get arrivals() {
    return this.events.filter((each) => ARRIVALS.includes(each.event.type));
  }

  /** The events that state digests of bytes: the arrival, then the derivatives. */
  get withContent() {
    return [...this.arrivals, ...this.events.filter((each) => each.event.type === "derived")];
  }
}
