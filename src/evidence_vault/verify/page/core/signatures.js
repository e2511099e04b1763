/** RSA (PKCS #1 v1.5) and ECDSA signatures of certificates and time stamps. */

import { p256, p384, p521 } from "@noble/curves/nist.js";
import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js";

import { concat, hex, unhex } from "./bytes.js";
import { Members, readDer } from "./der.js";

/** Digests that count; others show nothing and refute nothing. @type {Map<string, (data: Uint8Array) => Uint8Array>} */
export const STRONG = new Map([
  ["sha256", sha256],
  ["sha384", sha384],
  ["sha512", sha512],
]);

const DIGEST_OIDS = new Map([
  ["2.16.840.1.101.3.4.2.1", "sha256"],
  ["2.16.840.1.101.3.4.2.2", "sha384"],
  ["2.16.840.1.101.3.4.2.3", "sha512"],
  ["1.3.14.3.2.26", "sha1"],
  ["1.2.840.113549.2.5", "md5"],
]);
/** Kind of key, and the digest where the name of the algorithm says it. @type {Map<string, [string, string]>} */
const SIGNATURE_OIDS = new Map([
  ["1.2.840.113549.1.1.1", ["rsa", ""]],
  ["1.2.840.113549.1.1.11", ["rsa", "sha256"]],
  ["1.2.840.113549.1.1.12", ["rsa", "sha384"]],
  ["1.2.840.113549.1.1.13", ["rsa", "sha512"]],
  ["1.2.840.10045.2.1", ["ec", ""]],
  ["1.2.840.10045.4.3.2", ["ec", "sha256"]],
  ["1.2.840.10045.4.3.3", ["ec", "sha384"]],
  ["1.2.840.10045.4.3.4", ["ec", "sha512"]],
]);
const CURVES = new Map([
  ["1.2.840.10045.3.1.7", p256],
  ["1.3.132.0.34", p384],
  ["1.3.132.0.35", p521],
]);
// DigestInfo of RFC 8017 §9.2 before the digest itself
const DIGEST_INFO = new Map([
  ["sha256", unhex("3031300d060960864801650304020105000420")],
  ["sha384", unhex("3041300d060960864801650304020205000430")],
  ["sha512", unhex("3051300d060960864801650304020305000440")],
]);
const MIN_RSA = 2048;
const MAX_RSA = 16384;

export const GOOD = "good";
export const BAD = "bad";
export const UNKNOWN = "unknown";

/** The name of a digest by an AlgorithmIdentifier; its dotted OID when it is another. @param {import("./der.js").Node} node */
export function digestName(node) {
  const { oid } = node.children[0];
  return DIGEST_OIDS.get(oid) ?? oid;
}

/**
 * Whether a signature verifies: GOOD, BAD, or UNKNOWN for what this verifier can't check.
 * @param {import("./der.js").Node} algorithm AlgorithmIdentifier of the signature
 * @param {string} digest the digest that its maker names elsewhere, "" where only `algorithm` does
 * @param {import("./der.js").Node} spki
 * @param {Uint8Array} signature
 * @param {Uint8Array} message
 * @returns {string}
 */
export function checkSignature(algorithm, digest, spki, signature, message) {
  const [kind, named] = SIGNATURE_OIDS.get(algorithm.children[0].oid) ?? ["", ""];
  const name = named || digest;
  const hash = STRONG.get(name);
  if (kind === "" || hash === undefined || (digest !== "" && name !== digest)) return UNKNOWN;
  const members = new Members(spki, "a public key");
  const [about, key] = [members.next(), members.next().bits];
  const [type, curve] = about.children;
  if (kind === "rsa" && type.oid === "1.2.840.113549.1.1.1") {
    return checkRsa(key, name, hash(message), signature);
  }
  if (kind === "ec" && type.oid === "1.2.840.10045.2.1" && curve?.tag === 0x06) {
    return checkEcdsa(CURVES.get(curve.oid), key, hash(message), signature);
  }
  return UNKNOWN;
}

/** @param {Uint8Array} data @returns {bigint} */
function big(data) {
  return BigInt("0x" + (hex(data) || "0"));
}

/**
 * RSASSA-PKCS1-v1_5 (RFC 8017 §8.2.2): the whole encoded message is made and compared.
 * @param {Uint8Array} key @param {string} name @param {Uint8Array} digest @param {Uint8Array} signature
 */
function checkRsa(key, name, digest, signature) {
  const members = new Members(readDer(key), "an RSA key");
  const [modulus, exponent] = [members.next().integer, members.next().integer];
  members.end();
  const bits = modulus > 0n ? modulus.toString(2).length : 0;
  if (bits < MIN_RSA || bits > MAX_RSA) return UNKNOWN;
  if (exponent < 3n || exponent > 1n << 64n || exponent % 2n === 0n) return UNKNOWN;
  const size = Math.ceil(bits / 8);
  const value = big(signature);
  if (signature.length !== size || value >= modulus) return BAD;
  const found = power(value, exponent, modulus).toString(16).padStart(2 * size, "0");
  const tail = concat(/** @type {Uint8Array} */ (DIGEST_INFO.get(name)), digest);
  const filler = new Uint8Array(size - tail.length - 3).fill(0xff);
  const wanted = concat(Uint8Array.of(0, 1), filler, Uint8Array.of(0), tail);
  return found === hex(wanted) ? GOOD : BAD;
}

/** @param {bigint} base @param {bigint} exponent @param {bigint} modulus */
function power(base, exponent, modulus) {
  let result = 1n;
  for (; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % modulus;
    base = (base * base) % modulus;
  }
  return result;
}

/** @param {any} curve @param {Uint8Array} key @param {Uint8Array} digest @param {Uint8Array} signature */
function checkEcdsa(curve, key, digest, signature) {
  if (curve === undefined) return UNKNOWN;
  try {
    const options = { prehash: false, lowS: false, format: "der" };
    return curve.verify(signature, digest, key, options) ? GOOD : BAD;
  } catch {
    return BAD; // a signature or a point that cannot be decoded
  }
}

