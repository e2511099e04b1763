/** A small reader of DER: one spelling of each length, nothing after the end, no indefinite forms. */

import { hex } from "./bytes.js";
import { Refused } from "./errors.js";

const MAX_DEPTH = 32;

export const INTEGER = 0x02;
export const BIT_STRING = 0x03;
export const OCTET_STRING = 0x04;
export const OID = 0x06;
export const GENERALIZED_TIME = 0x18;
export const UTC_TIME = 0x17;
export const BOOLEAN = 0x01;
export const SEQUENCE = 0x30;
export const SET = 0x31;

/** @param {string} message */
function malformed(message) {
  return new Refused(`DER: ${message}`, "E-DER");
}

/** One value: `whole` are all its bytes, `body` what they hold. */
export class Node {
  /** @param {number} tag @param {Uint8Array} whole @param {Uint8Array} body */
  constructor(tag, whole, body) {
    this.tag = tag;
    this.whole = whole;
    this.body = body;
  }

  /** The values inside. @returns {Node[]} */
  get children() {
    return readAll(this.body);
  }

  /** @param {number} tag @param {string} what @returns {Node} this one, when it has that tag */
  as(tag, what) {
    if (this.tag !== tag) throw malformed(`${what} has another type`);
    return this;
  }

  /** Dotted text of an object identifier. */
  get oid() {
    const { body } = this.as(OID, "an object identifier");
    if (body.length === 0 || body.length > 64 || body[body.length - 1] & 0x80) {
      throw malformed("an object identifier is cut");
    }
    /** @type {bigint[]} */
    const arcs = [];
    let value = 0n;
    for (const byte of body) {
      if (value === 0n && byte === 0x80) throw malformed("an object identifier in another spelling");
      value = (value << 7n) | BigInt(byte & 0x7f);
      if (!(byte & 0x80)) {
        arcs.push(value);
        value = 0n;
      }
    }
    const first = arcs[0] < 80n ? arcs[0] / 40n : 2n;
    return [first, arcs[0] - first * 40n, ...arcs.slice(1)].join(".");
  }

  /** A whole number. @returns {bigint} */
  get integer() {
    const { body } = this.as(INTEGER, "a number");
    if (body.length === 0) throw malformed("an empty number");
    const redundant = body.length > 1 && (body[0] === 0 ? body[1] < 0x80 : body[0] === 0xff && body[1] >= 0x80);
    if (redundant) throw malformed("a number in another spelling");
    const value = BigInt("0x" + hex(body));
    return body[0] & 0x80 ? value - (1n << BigInt(8 * body.length)) : value;
  }

  /** The bytes of a bit string without unused bits. */
  get bits() {
    const { body } = this.as(BIT_STRING, "a bit string");
    if (body.length === 0 || body[0] !== 0) throw malformed("a bit string with unused bits");
    return body.subarray(1);
  }

  /** @returns {boolean} */
  get boolean() {
    const { body } = this.as(BOOLEAN, "a boolean");
    if (body.length !== 1 || (body[0] !== 0 && body[0] !== 0xff)) throw malformed("a boolean");
    return body[0] === 0xff;
  }

  /** POSIX seconds of a GeneralizedTime or UTCTime in UTC; a fraction is rounded up. @returns {number} */
  get time() {
    const text = String.fromCharCode(...this.body);
    const short = this.tag === UTC_TIME;
    if (!short) this.as(GENERALIZED_TIME, "a time");
    const form = short
      ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
      : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d+)?Z$/;
    const parts = form.exec(text);
    if (parts === null) throw malformed("a time in another form");
    const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number);
    const full = short ? (year < 50 ? 2000 : 1900) + year : year;
    const date = new Date(0);
    date.setUTCFullYear(full, month - 1, day);
    date.setUTCHours(hour, minute, second, 0);
    const real =
      date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60;
    if (!real || second > 59) throw malformed("a time that does not exist");
    const fraction = parts[7] !== undefined && /[1-9]/.test(parts[7]) ? 1 : 0;
    return date.getTime() / 1000 + fraction;
  }
}

/**
 * The value at the start of the bytes.
 * @param {Uint8Array} data
 * @returns {Node}
 */
function readOne(data) {
  if (data.length < 2) throw malformed("cut short");
  const tag = data[0];
  if ((tag & 0x1f) === 0x1f) throw malformed("a tag of more than one byte");
  let [length, at] = [data[1], 2];
  if (length >= 0x80) {
    const count = length & 0x7f;
    if (count === 0 || count > 4 || data.length < 2 + count) throw malformed("a length");
    length = 0;
    for (; at < 2 + count; at++) length = length * 256 + data[at];
    if (length < 0x80 || (count > 1 && data[2] === 0)) throw malformed("a length in another spelling");
  }
  if (data.length < at + length) throw malformed("cut short");
  return new Node(tag, data.subarray(0, at + length), data.subarray(at, at + length));
}

/** @param {Uint8Array} data @returns {Node[]} */
function readAll(data) {
  const found = [];
  while (data.length > 0) {
    const node = readOne(data);
    found.push(node);
    data = data.subarray(node.whole.length);
  }
  return found;
}

/**
 * The one value that the bytes are, every value inside it well-formed.
 * @param {Uint8Array} data
 * @returns {Node}
 */
export function readDer(data) {
  const node = readOne(data);
  if (node.whole.length !== data.length) throw malformed("something stands after its end");
  checkInside(node, 0);
  return node;
}

/** @param {Node} node @param {number} depth */
function checkInside(node, depth) {
  if (depth > MAX_DEPTH) throw malformed("nested too deeply");
  if (node.tag & 0x20) for (const each of node.children) checkInside(each, depth + 1);
}

/**
 * Takes the members of a sequence in their order, optional ones by their tag.
 */
export class Members {
  /** @param {Node} node @param {string} what @param {number} [tag] */
  constructor(node, what, tag = SEQUENCE) {
    this._left = node.as(tag, what).children;
    this._what = what;
  }

  /** @returns {Node} */
  next() {
    const node = this._left.shift();
    if (node === undefined) throw malformed(`${this._what} lacks a member`);
    return node;
  }

  /** @param {number} tag @returns {Node | null} */
  optional(tag) {
    return this._left.length > 0 && this._left[0].tag === tag ? this.next() : null;
  }

  /** Refuses when members are left. */
  end() {
    if (this._left.length > 0) throw malformed(`${this._what} has a member too many`);
  }
}
