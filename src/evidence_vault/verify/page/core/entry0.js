/** Entry 0, which names the vault's first keys, and which keys counted when (docs/format-entry.md). */

import { b64, unb64 } from "./bytes.js";
import { expect, Refused } from "./errors.js";
import { pae, parseEntry } from "./entry.js";
import { isObject } from "./json.js";
import { checkEd25519Key, checkMldsaKey, keyid, verifyEd25519 } from "./keys.js";
import { leafHash } from "./merkle.js";
import { ED25519, MLDSA, verifierKey } from "./note.js";
import { isCount, isHex, isOrigin, isPrefix } from "./shapes.js";

/** @typedef {import("./entry.js").Event} Event */
/** @typedef {import("./entry.js").Entry} Entry */
/** @typedef {import("./note.js").VerifierKey} VerifierKey */
/** @typedef {{role: string, raw: Uint8Array}} NamedKey */
/** @typedef {{origin: string, prefix: string, fingerprint: Uint8Array, keys: NamedKey[], logKeys: VerifierKey[]}} Zero */
/** In force for start <= index < until (null: still). @typedef {{role: string, keyid: string, raw: Uint8Array, start: number, until: number | null}} Interval */

const ALGORITHMS = new Map([
  ["root", "ed25519"],
  ["events", "ed25519"],
  ["statements", "ed25519"],
  ["log", "ed25519"],
  ["log-pq", "ml-dsa-44"],
]);
const CHANGING = ["events", "statements"];
export const KEY_EVENTS = ["key-enrolled", "key-revoked"];

/** @param {unknown} condition @param {string} message */
function must(condition, message) {
  expect(condition, `entry 0: ${message} (docs/format-entry.md)`, "E-ENTRY-ZERO");
}

/**
 * Open entry 0; refuses one that the root key it names did not sign.
 * @param {Uint8Array} leaf
 * @returns {Zero}
 */
export function parseEntry0(leaf) {
  const entry = parseEntry(leaf);
  const { event } = entry;
  must(event.type === "vault-created", "the first entry must be of type vault-created");
  must(event.subject.kind === "vault", "its subject must be the vault");
  must(isOrigin(event.origin), "its origin is malformed");
  must(isObject(event.clear, "keys", "prefix", "succeeds"), "its clear part has other members");
  const { keys: named, prefix, succeeds } = event.clear;
  must(isPrefix(prefix), "the prefix is malformed");
  must(succeeds === null || isHead(succeeds), "succeeds must be null or name a log");
  must(Array.isArray(named), "keys must be a list");
  /** @type {NamedKey[]} */
  const keys = named.map(parseKey);
  checkRoles(keys);
  const root = /** @type {NamedKey} */ (keys.find((key) => key.role === "root"));
  must(keyid(root.raw) === entry.keyid, "it must be signed by the root key it names");
  verifyEd25519(root.raw, entry.signature, pae(entry.payload));
  const raw = new Map(keys.map((key) => [key.role, key.raw]));
  const logKeys = [
    verifierKey(event.origin, ED25519, /** @type {Uint8Array} */ (raw.get("log"))),
    verifierKey(event.origin, MLDSA, /** @type {Uint8Array} */ (raw.get("log-pq"))),
  ];
  return { origin: event.origin, prefix, fingerprint: leafHash(leaf), keys, logKeys };
}

/** @param {any} value */
function isHead(value) {
  return (
    isObject(value, "origin", "root", "size") &&
    isOrigin(value.origin) &&
    isHex(value.root, 64) &&
    isCount(value.size)
  );
}

/** @param {any} value @returns {NamedKey} */
function parseKey(value) {
  must(
    isObject(value, "alg", "public", "role") &&
      ALGORITHMS.has(value.role) &&
      value.alg === ALGORITHMS.get(value.role),
    "a key must have the algorithm of its role",
  );
  const raw = unb64(value.public, "a public key of entry 0");
  if (value.alg === "ed25519") checkEd25519Key(raw);
  else checkMldsaKey(raw);
  return { role: value.role, raw };
}

/** @param {NamedKey[]} keys */
function checkRoles(keys) {
  for (const role of ALGORITHMS.keys()) {
    const count = keys.filter((key) => key.role === role).length;
    must(count > 0, "keys of each role must be named");
    must(count === 1 || CHANGING.includes(role), "root and log keys stand once each");
  }
  const raws = new Set(keys.map((key) => b64(key.raw)));
  must(raws.size === keys.length, "one key stands in two roles");
}

/** The role whose key must sign an entry. @param {string} type @param {number} index */
export function roleFor(type, index) {
  return index === 0 || KEY_EVENTS.includes(type) ? "root" : "events";
}

/** @param {{start: number, until: number | null}} key @param {number} index */
export function covers(key, index) {
  return key.start <= index && (key.until === null || index < key.until);
}

/** The keys of one log. Give it each valid key event in order of index, then ask. */
export class KeyState {
  /** @param {Zero} zero */
  constructor(zero) {
    /** @type {Interval[]} */
    this.intervals = zero.keys
      .filter((key) => key.role === "root" || CHANGING.includes(key.role))
      .map(({ role, raw }) => {
        return { role, keyid: keyid(raw), raw, start: role === "root" ? 0 : 1, until: null };
      });
    this._named = new Set(zero.keys.map((key) => b64(key.raw)));
  }

  /**
   * Refuses a key event that is malformed or contradicts the keys known so far.
   * @param {number} index
   * @param {Event} event
   */
  apply(index, event) {
    const clear = event.clear;
    if (event.type === "key-enrolled") this._enrol(index, clear);
    else this._revoke(index, clear);
  }

  /** @param {number} index @param {any} clear */
  _enrol(index, clear) {
    expect(isObject(clear, "alg", "public", "role"), "key-enrolled must name alg, public and role");
    const { alg, role } = clear;
    expect(alg === "ed25519" && CHANGING.includes(role), "key-enrolled: a role that can't be");
    const raw = unb64(clear.public, "an enrolled key", 32);
    checkEd25519Key(raw);
    expect(!this._named.has(b64(raw)), "key-enrolled: this key has been named before");
    this._named.add(b64(raw));
    this.intervals.push({ role, keyid: keyid(raw), raw, start: index + 1, until: null });
  }

  /** @param {number} index @param {any} clear */
  _revoke(index, clear) {
    expect(
      isObject(clear, "keyid", "last_good", "reason", "role") &&
        CHANGING.includes(clear.role) &&
        isHex(clear.keyid, 64) &&
        isCount(clear.last_good) &&
        ["retired", "lost", "compromised"].includes(clear.reason),
      "key-revoked: a role, keyid, position or reason that can't be",
    );
    expect(clear.last_good < index, "key-revoked: the last good entry must come before it");
    const known = this.intervals.find((k) => k.role === clear.role && k.keyid === clear.keyid);
    if (known === undefined) throw new Refused("key-revoked: there is no such key");
    const until = Math.max(clear.last_good + 1, known.start);
    known.until = known.until === null ? until : Math.min(until, known.until);
  }

  /**
   * The raw key that may sign in a role at a log position.
   * @param {string} role
   * @param {string} name keyid
   * @param {number} index
   */
  keyOf(role, name, index) {
    const known = this.intervals.filter((key) => key.role === role && key.keyid === name);
    const found = known.find((key) => covers(key, index));
    if (found) return found.raw;
    if (known.length) throw new Refused("the key was not in force there", "E-KEY-INTERVAL");
    throw new Refused("signed by a key that the log does not name", "E-SIGNER");
  }

  /** Every key with where it counted, as one text. */
  describe() {
    const texts = this.intervals.map((k) => `${k.role} ${k.keyid} ${k.start} ${k.until ?? ""}`);
    return texts.sort().join(", ");
  }
}
