/** Certificates of time authorities, and the way from a signer to a root (docs/format-time.md). */

import { equal, unb64 } from "./bytes.js";
import { Members, OID, readDer, SEQUENCE } from "./der.js";
import { Refused } from "./errors.js";
import { checkSignature, GOOD } from "./signatures.js";

/** @typedef {import("./der.js").Node} Node */

const BASIC = "2.5.29.19";
const KEY_USAGE = "2.5.29.15";
const EXTENDED = "2.5.29.37";
const TIME_STAMPING = "1.3.6.1.5.5.7.3.8";
// Critical extensions that are understood here, or that restrict nothing about a time stamp.
const KNOWN = [BASIC, KEY_USAGE, EXTENDED, "2.5.29.17", "2.5.29.32"];
const MAX_STEPS = 200;
const MAX_PATH = 8;

/** A certificate as it was read; nothing of it is checked. */
export class Certificate {
  /** @param {Uint8Array} der */
  constructor(der) {
    this.der = der;
    const whole = new Members(readDer(der), "a certificate");
    this.tbs = whole.next();
    this.algorithm = whole.next().as(SEQUENCE, "an algorithm");
    this.signature = whole.next().bits;
    whole.end();
    const tbs = new Members(this.tbs, "what is certified");
    tbs.optional(0xa0);
    /** @type {bigint} */ this.serial = tbs.next().integer;
    if (!equal(tbs.next().whole, this.algorithm.whole)) throw new Refused("two algorithms");
    this.issuer = tbs.next().as(SEQUENCE, "an issuer").whole;
    const [begin, end] = tbs.next().as(SEQUENCE, "a validity").children;
    this.notBefore = begin.time;
    this.notAfter = end.time;
    this.subject = tbs.next().as(SEQUENCE, "a subject").whole;
    this.spki = tbs.next().as(SEQUENCE, "a public key");
    tbs.optional(0x81);
    tbs.optional(0x82);
    /** @type {Map<string, {critical: boolean, value: Node}>} */
    this.extensions = readExtensions(tbs.optional(0xa3));
    tbs.end();
  }

  /** @param {Certificate} other */
  is(other) {
    return equal(this.der, other.der);
  }

  /** @param {number} at POSIX seconds */
  isValidAt(at) {
    return this.notBefore <= at && at <= this.notAfter;
  }

  /** Whether it may sign certificates, `below` of which stand between it and the last. @param {number} below */
  maySign(below) {
    const basic = this.extensions.get(BASIC);
    if (basic === undefined) return false;
    const members = new Members(basic.value, "basic constraints");
    const isAuthority = members.optional(0x01)?.boolean ?? false;
    const length = members.optional(0x02)?.integer;
    const usage = this.usage;
    // Bit 5 is keyCertSign.
    return isAuthority && (length === undefined || length >= BigInt(below)) && (usage === null || usage.includes(5));
  }

  /** The bits of the key usage; null without one. @returns {number[] | null} */
  get usage() {
    const found = this.extensions.get(KEY_USAGE);
    if (found === undefined) return null;
    const { body } = found.value.as(0x03, "a key usage");
    const bits = [];
    for (let i = 0; i < 8 * (body.length - 1); i++) {
      if (body[1 + (i >> 3)] & (0x80 >> (i & 7))) bits.push(i);
    }
    return bits;
  }

  /** RFC 3161 §2.3: extended key usage critical, with timeStamping as its only purpose. */
  get isForTimeStampsOnly() {
    const found = this.extensions.get(EXTENDED);
    if (found === undefined || !found.critical) return false;
    const purposes = found.value.as(SEQUENCE, "purposes").children;
    return purposes.length === 1 && purposes[0].tag === OID && purposes[0].oid === TIME_STAMPING;
  }

  /** False when an extension must be understood and is not. */
  get isUnderstood() {
    return [...this.extensions].every(([oid, each]) => !each.critical || KNOWN.includes(oid));
  }
}

/** @param {Node | null} node */
function readExtensions(node) {
  const found = new Map();
  if (node === null) return found;
  const [list, ...more] = node.children;
  if (list === undefined || more.length) throw new Refused("malformed extensions");
  for (const each of list.as(SEQUENCE, "extensions").children) {
    const members = new Members(each, "an extension");
    const { oid } = members.next();
    const critical = members.optional(0x01)?.boolean ?? false;
    const value = readDer(members.next().as(0x04, "an extension").body);
    members.end();
    if (found.has(oid)) throw new Refused("an extension stands twice");
    found.set(oid, { critical, value });
  }
  return found;
}

/** The certificate, null for what is none. @param {Uint8Array} der */
export function readCertificate(der) {
  try {
    return new Certificate(der);
  } catch (error) {
    if (error instanceof Refused || error instanceof TypeError) return null;
    throw error;
  }
}

/** Certificates of PEM texts, each once; what is none counts for nothing. @param {string[]} texts */
export function readPem(texts) {
  /** @type {Certificate[]} */
  const found = [];
  const blocks = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/g;
  for (const text of texts) {
    for (const [, body] of text.matchAll(blocks)) {
      const certificate = decode(body.replace(/\s/g, ""));
      if (certificate && !found.some((each) => each.is(certificate))) found.push(certificate);
    }
  }
  return found;
}

/** @param {string} body */
function decode(body) {
  try {
    return readCertificate(unb64(body, "a certificate"));
  } catch (error) {
    if (error instanceof Refused) return null;
    throw error;
  }
}

/**
 * From the signer to one of the roots, each signed by the next; null when there is no way. Of
 * several ways one whose certificates were all valid at that time is preferred.
 * @param {Certificate} signer
 * @param {Certificate[]} pool
 * @param {Certificate[]} roots
 * @param {number} at
 * @returns {Certificate[] | null}
 */
export function findPath(signer, pool, roots, at) {
  const budget = { left: MAX_STEPS };
  let first = null;
  for (const path of paths([signer], pool, roots, budget)) {
    if (path.every((each) => each.isValidAt(at))) return path;
    first ??= path;
  }
  return first;
}

/**
 * @param {Certificate[]} path
 * @param {Certificate[]} pool
 * @param {Certificate[]} roots
 * @param {{left: number}} budget
 * @returns {Generator<Certificate[]>}
 */
function* paths(path, pool, roots, budget) {
  const last = path[path.length - 1];
  const below = path.length - 1;
  if (roots.some((root) => root.is(last))) yield path;
  for (const root of roots) {
    if (!path.some((each) => each.is(root)) && issued(last, root, below, budget)) {
      yield [...path, root];
    }
  }
  if (path.length >= MAX_PATH) return;
  for (const issuer of pool) {
    const used = [...path, ...roots].some((each) => each.is(issuer));
    if (!used && issued(last, issuer, below, budget)) {
      yield* paths([...path, issuer], pool, roots, budget);
    }
  }
}

/** @param {Certificate} subject @param {Certificate} issuer @param {number} below @param {{left: number}} budget */
function issued(subject, issuer, below, budget) {
  if (!equal(subject.issuer, issuer.subject) || budget.left-- <= 0) return false;
  try {
    if (!issuer.maySign(below)) return false;
    const { tbs, algorithm, signature } = subject;
    return checkSignature(algorithm, "", issuer.spki, signature, tbs.whole) === GOOD;
  } catch (error) {
    if (error instanceof Refused || error instanceof TypeError) return false;
    throw error;
  }
}
