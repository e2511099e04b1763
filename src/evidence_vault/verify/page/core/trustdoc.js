/** Trust documents of a network: what one says, and whether it agrees with itself (docs/format-trust.md). */

import { b64, isAscending, isUnicode, unb64 } from "./bytes.js";
import { expect } from "./errors.js";
import { sha256hex } from "./hash.js";
import { isObject, parseCanonical } from "./json.js";
import { checkEd25519Key, keyid } from "./keys.js";
import { COSIGNATURE, ED25519, MLDSA, parseVkey } from "./note.js";
import { networkPolicy, parsePolicy } from "./policy.js";
import { isAuthority, isCount, isHex, isOrigin, isPrefix, isText, isTime, length } from "./shapes.js";

/** @typedef {import("./note.js").VerifierKey} VerifierKey */
/** @typedef {{fingerprint: string, log_keys: string[], origin: string, policy: string, prefix: string, keys: VerifierKey[]}} Log */
/** @typedef {{name: string, root: Uint8Array, commitment: string, countersigners: string[], cosigners: VerifierKey[], origins: Log[]}} Organisation */
/** @typedef {{origin: string, org: string, fingerprint: string, size: number}} Retired */
/** @typedef {{raw: Uint8Array, version: number}} Revoked */

const MEMBERS = [
  ...["kind", "made_at", "organisations", "previous", "quorum", "retired", "revoked_roots"],
  ...["threshold", "time_authorities", "v", "version"],
];
const BEGIN = "-----BEGIN CERTIFICATE-----\n";
const END = "-----END CERTIFICATE-----\n";

/** @param {unknown} condition @param {string} message @param {string} [code] */
function form(condition, message, code) {
  expect(condition, `trust document: ${message} (docs/format-trust.md)`, code);
}

/** One version of a network's trust document. */
export class Document {
  /** @param {any} value whose members are known */
  constructor(value) {
    /** @type {number} */ this.version = value.version;
    /** @type {string | null} */ this.previous = value.previous;
    /** @type {number} */ this.threshold = value.threshold;
    /** @type {number} */ this.quorum = value.quorum;
    /** @type {Organisation[]} */
    this.organisations = list(value.organisations, "organisations", 64).map(parseOrganisation);
    /** @type {Retired[]} */ this.retired = list(value.retired, "retired", 1000);
    this.retired.forEach(checkRetired);
    /** @type {Revoked[]} */
    this.revoked = list(value.revoked_roots, "revoked_roots", 1000).map(parseRevoked);
    /** @type {{name: string, roots: string[]}[]} */
    this.authorities = list(value.time_authorities, "time_authorities", 64);
    this.authorities.forEach(checkAuthority);
  }

  /** @returns {Uint8Array[]} the raw root keys whose signatures count */
  get roots() {
    return this.organisations.map((each) => each.root);
  }

  /** @returns {string[]} */
  get authorityRoots() {
    return this.authorities.flatMap((each) => each.roots);
  }

  /** The member whose log that is, and the log. @param {string} origin */
  holder(origin) {
    for (const organisation of this.organisations) {
      const log = organisation.origins.find((each) => each.origin === origin);
      if (log) return { organisation, log };
    }
    return null;
  }
}

/** @param {Uint8Array} payload @returns {Document} */
export function parseDocument(payload) {
  const value = parseCanonical(payload, "a trust document");
  form(isObject(value, ...MEMBERS), "the document: other members");
  form(value.kind === "evidence-vault/network" && value.v === 1, "other kind");
  form(isCount(value.version) && value.version > 0, "version must count from 1");
  form(isTime(value.made_at), "made_at must be YYYY-MM-DDTHH:MM:SSZ");
  form(
    value.version === 1 ? value.previous === null : isHex(value.previous, 64),
    "previous must be null in version 1 and a SHA-256 in every other",
  );
  form(isCount(value.threshold) && isCount(value.quorum), "threshold and quorum count");
  const document = new Document(value);
  checkTogether(document);
  return document;
}

/** @param {any} value @param {string} what @param {number} limit @returns {any[]} */
function list(value, what, limit) {
  form(Array.isArray(value) && value.length <= limit, `${what}: a list of at most ${limit}`);
  return value;
}

/** @param {unknown} text */
function isName(text) {
  return (
    isText(text) &&
    isUnicode(text) &&
    text !== "" &&
    length(text) <= 200 &&
    !/^[\s\u0085]|[\s\u0085]$/u.test(text) &&
    !/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(text)
  );
}

/** @param {any} text @returns {VerifierKey} */
function vkey(text) {
  form(isText(text), "a verifier key must be text");
  return parseVkey(text);
}

/** @param {any} value @returns {Organisation} */
function parseOrganisation(value) {
  form(
    isObject(value, "commitment", "countersigners", "name", "origins", "root"),
    "an organisation: other members",
  );
  const { commitment, name, root } = value;
  form(isName(name), "an organisation's name is 1 to 200 characters on one line");
  form(isObject(root, "alg", "keyid", "public"), "a root key: other members");
  form(root.alg === "ed25519", "a root key is Ed25519");
  const raw = unb64(root.public, "a root key", 32);
  form(keyid(raw) === root.keyid, "a keyid is not that of its key");
  form(isHex(commitment, 64), "commitment must be a SHA-256 in hex");
  const countersigners = list(value.countersigners, "countersigners", 2);
  const cosigners = countersigners.map(vkey);
  const types = cosigners.map((key) => key.type).join();
  form(
    ["", `${COSIGNATURE}`, `${MLDSA}`, `${COSIGNATURE},${MLDSA}`].includes(types) &&
      new Set(cosigners.map((key) => key.name)).size <= 1,
    "countersigner keys must be one of each kind, 0x04 first, under one name",
  );
  const origins = list(value.origins, "origins", 16).map(parseLog);
  form(isAscending(origins.map((each) => each.origin)), "origins must be sorted, each once");
  return { name, root: raw, commitment, countersigners, cosigners, origins };
}

/** @param {any} value @returns {Log} */
function parseLog(value) {
  form(
    isObject(value, "fingerprint", "log_keys", "origin", "policy", "prefix"),
    "an origin: other members",
  );
  form(isOrigin(value.origin), "origin must be a log origin");
  form(isPrefix(value.prefix), "prefix is malformed");
  form(isHex(value.fingerprint, 64), "fingerprint must be 64 hex digits");
  form(isText(value.policy), "policy must be text");
  const keys = list(value.log_keys, "log_keys", 2).map(vkey);
  form(
    keys.map((key) => key.type).join() === `${ED25519},${MLDSA}` &&
      keys.every((key) => key.name === value.origin),
    "log_keys must be the Ed25519 and the ML-DSA-44 key of that origin",
  );
  return { ...value, keys };
}

/** @param {any} value */
function checkRetired(value) {
  form(
    isObject(value, "fingerprint", "org", "origin", "size") &&
      isOrigin(value.origin) &&
      isName(value.org) &&
      isHex(value.fingerprint, 64) &&
      isCount(value.size),
    "a retired origin must have origin, org, fingerprint and size",
  );
}

/** @param {any} value @returns {Revoked} */
function parseRevoked(value) {
  form(isObject(value, "public", "version") && isCount(value.version), "a malformed root");
  const raw = unb64(value.public, "a revoked root", 32);
  checkEd25519Key(raw);
  return { raw, version: value.version };
}

/** @param {any} value */
function checkAuthority(value) {
  form(isObject(value, "name", "roots"), "a time authority: other members");
  form(isAuthority(value.name), "a time authority's name has 1 to 40 of a-z, 0-9 and '-'");
  const roots = list(value.roots, "roots", 16);
  roots.forEach(checkCertificate);
  form(roots.length > 0 && isAscending(roots), "roots must be sorted, each once");
}

/** One PEM certificate in its one spelling. @param {any} text */
function checkCertificate(text) {
  form(
    isText(text) && text.startsWith(BEGIN) && text.endsWith(END),
    "a root of a time authority must be one PEM certificate",
  );
  const body = text.slice(BEGIN.length, text.length - END.length);
  const der = b64(unb64(body.replace(/\n/g, ""), "a certificate"));
  const lines = (der.match(/.{1,64}/g) ?? []).map((line) => `${line}\n`).join("");
  form(body === lines && der !== "", "a certificate is not in lines of 64 characters");
}

/** What the members of a document must say about each other. @param {Document} d */
function checkTogether(d) {
  form(isAscending(d.organisations.map((each) => each.name)), "organisations must be sorted");
  form(isAscending(d.retired.map((each) => each.origin)), "retired origins must be sorted");
  form(isAscending(d.authorities.map((each) => each.name)), "time authorities must be sorted");
  for (let i = 1; i < d.revoked.length; i++) {
    const [a, b] = [d.revoked[i - 1], d.revoked[i]];
    form((a.version - b.version || compare(a.raw, b.raw)) < 0, "revoked roots must be sorted");
  }
  form(
    1 <= d.threshold && d.threshold <= d.organisations.length,
    "threshold must be 1 to all organisations",
  );
  form(
    d.revoked.every((each) => 1 < each.version && each.version <= d.version),
    "a root is revoked in a version from 2 to this one",
  );
  checkDistinct(d);
  checkPolicies(d);
}

/** @param {Uint8Array} a @param {Uint8Array} b */
function compare(a, b) {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return 0;
}

/** One key, one use; one origin, prefix and next key, one holder. @param {Document} d */
function checkDistinct(d) {
  const logs = d.organisations.flatMap((each) => each.origins);
  const keys = [...d.roots, ...d.revoked.map((each) => each.raw)];
  keys.push(...logs.flatMap((log) => log.keys.map((key) => key.raw)));
  keys.push(...d.organisations.flatMap((each) => each.cosigners.map((key) => key.raw)));
  once(keys.map(b64), "one key");
  once([...logs, ...d.retired].map((each) => each.origin), "an origin");
  once(logs.map((log) => log.prefix), "a prefix");
  once(logs.map((log) => log.fingerprint), "a fingerprint");
  once(d.organisations.flatMap((each) => each.cosigners.slice(0, 1).map((key) => key.name)), "a name");
  const used = keys.map((raw) => sha256hex(raw));
  once([...d.organisations.map((each) => each.commitment), ...used], "a next root key");
}

/** @param {string[]} values @param {string} what */
function once(values, what) {
  form(new Set(values).size === values.length, `${what} is named twice`, "E-TRUST-TWICE");
}

/** Each log's policy is the one that follows from organisations and quorum. @param {Document} d */
function checkPolicies(d) {
  for (const own of d.organisations) {
    const others = new Map(
      d.organisations
        .filter((each) => each.cosigners.length > 0 && each.name !== own.name)
        .map((each) => [each.origins[0]?.origin ?? each.cosigners[0].name, each.cosigners]),
    );
    for (const log of own.origins) {
      form(d.quorum <= others.size, "the quorum is larger than the number of countersigners");
      const text = networkPolicy(log.keys, others, d.quorum);
      parsePolicy(text);
      form(log.policy === text, "a policy is not the one that follows", "E-TRUST-POLICY");
    }
  }
}

