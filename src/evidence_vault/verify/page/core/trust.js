/** Trust files: whose keys count, as of which state of which log (docs/format-trust.md). */

import { b64, equal, hex, isAscending, unb64, unhex, utf8 } from "./bytes.js";
import { openCheckpoint } from "./checkpoint.js";
import { parseEntry0 } from "./entry0.js";
import { expect, Refused } from "./errors.js";
import { sha256 } from "./hash.js";
import { isObject, parseCanonical } from "./json.js";
import { keyid } from "./keys.js";
import { ED25519, parseVkey } from "./note.js";
import { parsePolicy } from "./policy.js";
import { areTexts, isCount, isHex, isOrigin, isPrefix, isText, isTime } from "./shapes.js";
import { checkChain, parseSigned } from "./trustchain.js";

/** @typedef {import("./policy.js").Policy} Policy */
/** @typedef {import("./note.js").VerifierKey} VerifierKey */
/** @typedef {import("./entry0.js").Zero} Zero */
/** @typedef {import("./trustdoc.js").Document} Document */
/** @typedef {{role: string, keyid: string, raw: Uint8Array, start: number, until: number | null}} TrustKey */
/**
 * @typedef {{
 *   origin: string, org: string, prefix: string, size: number, root: Uint8Array,
 *   fingerprint: Uint8Array, keys: TrustKey[], logKeys: string[], logVerifiers: VerifierKey[],
 *   policyText: string, policy: Policy, witness: string[],
 * }} TrustOrigin
 */

export const MAX_TRUST = 64 * 1024 * 1024;
const KIND = "evidence-vault/trust";
const ORIGIN = [
  ...["as_of", "checkpoint", "entry0", "fingerprint", "keys"],
  ...["log_keys", "org", "origin", "policy", "prefix", "witness"],
];

/** @param {unknown} condition @param {string} message */
function form(condition, message) {
  expect(condition, `trust file: ${message} (docs/format-trust.md)`);
}

/** A trust file that was read and agrees with itself. */
export class TrustFile {
  /**
   * @param {string} madeAt
   * @param {TrustOrigin[]} origins
   * @param {string[]} authorities PEM texts
   * @param {Uint8Array} fingerprint SHA-256 of the file
   */
  constructor(madeAt, origins, authorities, fingerprint) {
    this.madeAt = madeAt;
    this.origins = origins;
    this.authorities = authorities;
    this.fingerprint = fingerprint;
  }

  /** @param {string} name @returns {TrustOrigin | undefined} */
  origin(name) {
    return this.origins.find((each) => each.origin === name);
  }
}

/** @param {Uint8Array} data @returns {TrustFile} */
export function parseTrust(data) {
  form(data.length <= MAX_TRUST, "larger than 64 MiB");
  form(data[data.length - 1] === 10, "no line feed at the end");
  const value = parseCanonical(data.subarray(0, -1), "a trust file");
  form(
    isObject(value, "kind", "made_at", "network", "origins", "time_authorities", "v"),
    "other members",
  );
  form(value.kind === KIND && value.v === 1, "other kind");
  form(isTime(value.made_at), "made_at must be YYYY-MM-DDTHH:MM:SSZ");
  const newest = readNetwork(value.network);
  form(areTexts(value.time_authorities), "time_authorities must be PEM texts");
  form(Array.isArray(value.origins) && value.origins.length > 0, "no origins");
  /** @type {TrustOrigin[]} */
  const origins = value.origins.map(parseOrigin);
  form(isAscending(origins.map((each) => each.origin)), "origins must be sorted, each once");
  if (newest !== null) checkDocument(newest, origins, value.time_authorities);
  return new TrustFile(value.made_at, origins, value.time_authorities, sha256(data));
}

/** The newest document of a chain whose every step was checked. @param {any} value @returns {Document | null} */
function readNetwork(value) {
  if (value === null) return null;
  form(areTexts(value) && value.length > 0, "network must be null or the texts of documents");
  const chain = value.map((/** @type {string} */ text) => parseSigned(utf8(text)));
  checkChain(chain);
  return chain[chain.length - 1].document;
}

/** @param {any} value @returns {TrustOrigin} */
function parseOrigin(value) {
  form(isObject(value, ...ORIGIN), "an origin: other members");
  const { as_of: asOf, checkpoint, entry0, org, origin, policy, prefix } = value;
  form([checkpoint, entry0, org, policy, prefix].every(isText), "a member must be text");
  form(isOrigin(origin), "origin must be a log origin");
  form(isPrefix(prefix), "prefix is malformed");
  form(isHex(value.fingerprint, 64), "fingerprint must be 64 hex digits");
  form(
    isObject(asOf, "root", "size") && isHex(asOf.root, 64) && isCount(asOf.size),
    "as_of must have root and size",
  );
  form(areTexts(value.log_keys) && areTexts(value.witness), "keys must be texts");
  form(Array.isArray(value.keys), "keys must be a list");
  const keys = value.keys.map(parseKey);
  const zero = parseEntry0(utf8(entry0));
  /** @type {TrustOrigin} */
  const found = {
    ...{ origin, org, prefix, keys, size: asOf.size, root: unhex(asOf.root) },
    ...{ fingerprint: unhex(value.fingerprint), logKeys: value.log_keys, witness: value.witness },
    ...{ policyText: policy, policy: parsePolicy(policy), logVerifiers: zero.logKeys },
  };
  checkOrigin(found, zero, utf8(checkpoint));
  return found;
}

/** @param {any} value @returns {TrustKey} */
function parseKey(value) {
  form(
    isObject(value, "alg", "from", "keyid", "public", "role", "until"),
    "a key: other members",
  );
  const { alg, from: start, role, until } = value;
  form(
    alg === "ed25519" && ["events", "root", "statements"].includes(role),
    "a key of unknown kind or role",
  );
  form(
    isCount(start) && (until === null || (isCount(until) && start < until)),
    "a key must be in force from one log position until a later one, or null",
  );
  const raw = unb64(value.public, "a public key of a trust file", 32);
  form(keyid(raw) === value.keyid, "a keyid is not that of its key");
  return { role, keyid: value.keyid, raw, start, until };
}

/** @param {Uint8Array[]} keys */
function texts(keys) {
  return new Set(keys.map(b64));
}

/**
 * What the members of one origin must say about each other.
 * @param {TrustOrigin} o
 * @param {Zero} zero
 * @param {Uint8Array} note
 */
function checkOrigin(o, zero, note) {
  const same = demand(o);
  same(equal(zero.fingerprint, o.fingerprint), "entry 0 does not have the stated fingerprint");
  same(zero.origin === o.origin, "entry 0 is of another log");
  same(zero.prefix === o.prefix, "entry 0 states another prefix");
  const own = zero.logKeys.map((key) => key.text);
  same(own.join() === o.logKeys.join(), "its log keys are not those of entry 0");
  const stated = o.policy.logs.map((key) => key.text);
  same(
    stated.every((text) => own.includes(text)) && own.every((text) => stated.includes(text)),
    "its policy is about other logs",
  );
  checkKeys(o, zero, same);
  checkWitness(o, zero, same);
  const { checkpoint } = openCheckpoint(note, zero.logKeys);
  same(
    checkpoint.size === o.size && equal(checkpoint.root, o.root),
    "its checkpoint states another size or root than as_of",
  );
  same(o.size > 0, "its log is empty");
}

/** @typedef {(condition: unknown, message: string) => void} Same */

/** @param {TrustOrigin} o @returns {Same} */
function demand(o) {
  return (condition, message) => {
    if (!condition) {
      const text = `trust file, origin ${o.origin}: ${message} (docs/format-trust.md)`;
      throw new Refused(text, "E-TRUST");
    }
  };
}

/** @param {TrustOrigin} o @param {Zero} zero @param {Same} same */
function checkKeys(o, zero, same) {
  for (let i = 1; i < o.keys.length; i++) {
    const [a, b] = [o.keys[i - 1], o.keys[i]];
    const order =
      a.role !== b.role ? a.role < b.role : a.start !== b.start ? a.start < b.start : a.keyid < b.keyid;
    form(order, "keys must be sorted by role, from and keyid");
  }
  const root = zero.keys.filter((key) => key.role === "root").map((key) => keyid(key.raw));
  const stated = new Set(o.keys.filter((key) => key.role === "root").map((key) => key.keyid));
  same(
    stated.size === root.length && root.every((name) => stated.has(name)),
    "its root keys are not those of entry 0",
  );
  const roles = new Map(zero.keys.map((key) => [b64(key.raw), key.role]));
  for (const key of o.keys) {
    const role = roles.get(b64(key.raw)) ?? key.role;
    same(role === key.role, "one key has two roles");
    roles.set(b64(key.raw), role);
  }
}

/** The countersigner's keys serve nothing else. @param {TrustOrigin} o @param {Zero} zero @param {Same} same */
function checkWitness(o, zero, same) {
  const keys = o.witness.map(parseVkey);
  const raws = texts(keys.map((key) => key.raw));
  form(
    keys.every((key) => key.type !== ED25519) &&
      new Set(keys.map((key) => key.name)).size <= 1 &&
      raws.size === keys.length &&
      new Set(keys.map((key) => key.type)).size === keys.length,
    "witness: one name, at most one key of type 0x04 and one of type 0x06",
  );
  const others = texts([...zero.keys, ...o.keys].map((key) => key.raw));
  const counted = texts(o.policy.keys.map((key) => key.raw));
  for (const raw of raws) {
    same(!others.has(raw), "a key of its countersigner serves another role, too");
    same(!counted.has(raw), "its policy counts its own organisation's cosignature");
  }
}

/**
 * What the newest trust document says of a log wins over what the file says of it.
 * @param {Document} document
 * @param {TrustOrigin[]} origins
 * @param {string[]} authorities
 */
function checkDocument(document, origins, authorities) {
  form(
    document.authorityRoots.every((root) => authorities.includes(root)),
    "time authorities of the network are left out",
  );
  for (const o of origins) {
    const same = demand(o);
    const held = document.holder(o.origin);
    const over = document.retired.find((each) => each.origin === o.origin);
    if (held) {
      const { log, organisation } = held;
      same(hex(o.fingerprint) === log.fingerprint, "the network names another fingerprint");
      same(o.logKeys.join() === log.log_keys.join(), "the network names other log keys");
      same(o.prefix === log.prefix, "the network names another prefix");
      same(o.org === organisation.name, "the network says it is of another organisation");
      same(o.policyText === log.policy, "its policy is not the one the network signed");
    } else if (over) {
      same(hex(o.fingerprint) === over.fingerprint, "the network names another fingerprint");
      same(
        o.keys.every((key) => key.start < over.size && key.until !== null && key.until <= over.size),
        "a key outlives the end of the log",
      );
    }
  }
}
