/**
 * Public keys and their signatures. Ed25519 is checked as RFC 8032 5.1.7 without the cofactor: the
 * encoding of [S]B - [k]A must be R, byte for byte, so that a signature which only some
 * implementations accept is not accepted here.
 */

import { ed25519 } from "@noble/curves/ed25519.js";
import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";

import { b64, concat, equal, hex, unhex } from "./bytes.js";
import { Refused } from "./errors.js";
import { sha256, sha512, sha256hex } from "./hash.js";
import { WORDS } from "./words.js";

const PRIME = 2n ** 255n - 19n;
const ORDER = ed25519.Point.Fn.ORDER;
// y of the points whose order divides 8, in the one spelling: under such a key anybody can sign.
const SMALL = new Set([
  0n,
  1n,
  PRIME - 1n,
  little(unhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")),
  little(unhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")),
]);
// SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING } of RFC 8410 §4
const SPKI = unhex("302a300506032b6570032100");
const MLDSA_KEY = 1312;
const MLDSA_SIGNATURE = 2420;

/** @param {Uint8Array} data @returns {bigint} the number in little-endian bytes */
function little(data) {
  return BigInt("0x" + (hex(Uint8Array.from(data).reverse()) || "0"));
}

/**
 * Refuses a raw Ed25519 key that nobody should accept.
 * @param {Uint8Array} raw
 */
export function checkEd25519Key(raw) {
  if (raw.length !== 32) {
    throw new Refused(
      `an Ed25519 public key has 32 bytes, this one has ${raw.length}`,
      "E-KEY-UNACCEPTABLE",
    );
  }
  const y = little(raw) & (2n ** 255n - 1n);
  if (y >= PRIME || SMALL.has(y)) {
    const kind = y >= PRIME ? "a non-canonical encoding" : "a point of small order";
    throw new Refused(`Ed25519 public key ${hex(raw)} is ${kind}`, "E-KEY-UNACCEPTABLE");
  }
}

/** @param {Uint8Array} raw */
export function checkMldsaKey(raw) {
  if (raw.length !== MLDSA_KEY) {
    throw new Refused(
      `an ML-DSA-44 public key has 1312 bytes, this one has ${raw.length}`,
      "E-KEY-UNACCEPTABLE",
    );
  }
}

/** SHA-256 (hex) of the SubjectPublicKeyInfo. @param {Uint8Array} raw */
export function keyid(raw) {
  checkEd25519Key(raw);
  return sha256hex(concat(SPKI, raw));
}

/** The PEM text of a raw Ed25519 key. @param {Uint8Array} raw */
export function publicPem(raw) {
  const body = b64(concat(SPKI, raw));
  return `-----BEGIN PUBLIC KEY-----\n${body}\n-----END PUBLIC KEY-----\n`;
}

/** @type {Map<string, any>} */
const points = new Map();

/**
 * The negated point of a key; null when it is on no curve, so that nothing verifies under it.
 * @param {Uint8Array} raw
 */
function negated(raw) {
  const name = hex(raw);
  let point = points.get(name);
  if (point === undefined) {
    try {
      point = ed25519.Point.fromBytes(raw).negate();
    } catch {
      point = null;
    }
    if (points.size > 1000) points.clear();
    points.set(name, point);
  }
  return point;
}

/**
 * Refuses unless the signature verifies.
 * @param {Uint8Array} raw public key
 * @param {Uint8Array} signature
 * @param {Uint8Array} message
 */
export function verifyEd25519(raw, signature, message) {
  if (signature.length !== 64) {
    throw new Refused(`an Ed25519 signature has 64 bytes, this one has ${signature.length}`);
  }
  checkEd25519Key(raw);
  const [r, s] = [signature.subarray(0, 32), little(signature.subarray(32))];
  const key = negated(raw);
  if (key === null || s >= ORDER || !equal(expectedR(key, raw, r, s, message), r)) {
    throw new Refused(
      `Ed25519 signature does not verify under key id ${keyid(raw)}`,
      "E-SIGNATURE",
    );
  }
}

/**
 * The encoding of [s]B - [k]A with k = SHA-512(R || A || M) mod L.
 * @param {any} negatedKey
 * @param {Uint8Array} raw
 * @param {Uint8Array} r
 * @param {bigint} s
 * @param {Uint8Array} message
 */
function expectedR(negatedKey, raw, r, s, message) {
  const k = little(sha512(concat(r, raw, message))) % ORDER;
  const { BASE, ZERO } = ed25519.Point;
  const left = s === 0n ? ZERO : BASE.multiplyUnsafe(s);
  const right = k === 0n ? ZERO : negatedKey.multiplyUnsafe(k);
  return left.add(right).toBytes();
}

/**
 * ML-DSA-44 (FIPS 204, pure, empty context): refuses unless the signature verifies.
 * @param {Uint8Array} raw public key
 * @param {Uint8Array} signature
 * @param {Uint8Array} message
 */
export function verifyMldsa(raw, signature, message) {
  checkMldsaKey(raw);
  if (signature.length !== MLDSA_SIGNATURE) {
    throw new Refused(`an ML-DSA-44 signature has 2420 bytes, this one has ${signature.length}`);
  }
  let good = false;
  try {
    good = ml_dsa44.verify(signature, message, raw);
  } catch {
    good = false; // a signature or key that cannot be decoded
  }
  if (!good) {
    throw new Refused(
      "ML-DSA-44 signature does not verify under the key with SHA-256 " + hex(sha256(raw)),
      "E-SIGNATURE",
    );
  }
}

/** Sixteen words for the first bytes of a digest. @param {Uint8Array} digest 32 bytes */
export function fingerprintWords(digest) {
  return Array.from(digest.subarray(0, 16), (byte) => WORDS[byte]).join(" ");
}
