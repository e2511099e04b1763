/** Checks one RFC 3161 time stamp, as of the time that it states (docs/format-time.md). */

import { sha1 } from "@noble/hashes/legacy.js";

import { concat, equal } from "./bytes.js";
import { Members, OCTET_STRING, readDer, SEQUENCE, SET } from "./der.js";
import { Refused } from "./errors.js";
import { DIFFERS, MATCHES, UNCHECKED } from "./report.js";
import { checkSignature, digestName, GOOD, STRONG, UNKNOWN } from "./signatures.js";
import { findPath, readCertificate, readPem } from "./x509.js";

/** @typedef {import("./der.js").Node} Node */
/** @typedef {import("./x509.js").Certificate} Certificate */
/**
 * `time`: POSIX seconds as stated; `ends`: when the first certificate of the chain ends. Unless
 * the outcome is MATCHES, both are what the stamp claims.
 * @typedef {{outcome: string, code: string, reason: string, time: number | null, ends: number | null}} TokenCheck
 */
/**
 * @typedef {{
 *   time: number, imprintAlgorithm: string, imprint: Uint8Array, digest: string, signatureAlgorithm: Node,
 *   signature: Uint8Array, digestAlgorithms: string[], signedBytes: Uint8Array, content: Uint8Array,
 *   contentTypes: string[], messageDigest: Uint8Array, issuer: Uint8Array | null, serial: bigint,
 *   named: {algorithm: string, digest: Uint8Array, serial: bigint | null} | null,
 *   certificates: Certificate[],
 * }} Stated
 */

const TST_INFO = "1.2.840.113549.1.9.16.1.4";
const SIGNED_DATA = "1.2.840.113549.1.7.2";
const CONTENT_TYPE = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST = "1.2.840.113549.1.9.4";
const SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12";
const SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47";
const MAX_REPLY = 1_000_000;
const MAX_CERTIFICATES = 32;
const ELSEWHERE = "could not be checked by this program; `openssl ts -verify` may";

/** The first thing that decides. */
class Verdict extends Error {
  /** @param {string} outcome @param {string} code @param {string} reason */
  constructor(outcome, code, reason) {
    super(reason);
    this.outcome = outcome;
    this.code = code;
  }
}

/**
 * Check that a reply is a time stamp over these bytes by an authority below one of the roots.
 * Never throws for bad evidence.
 * @param {Uint8Array} reply
 * @param {Uint8Array} data
 * @param {string[]} roots PEM texts
 * @returns {TokenCheck}
 */
export function checkToken(reply, data, roots) {
  /** @type {TokenCheck} */
  const result = { outcome: MATCHES, code: "T-OK", reason: "", time: null, ends: null };
  try {
    decide(reply, data, roots, result);
  } catch (error) {
    if (error instanceof Verdict) {
      return { ...result, outcome: error.outcome, code: error.code, reason: error.message };
    }
    // What a certificate or algorithm holds in a form that is not known here.
    if (error instanceof Refused || error instanceof TypeError) {
      return { ...result, outcome: UNCHECKED, code: "T-UNREADABLE", reason: ELSEWHERE };
    }
    throw error;
  }
  return result;
}

/** @param {Uint8Array} reply @param {Uint8Array} data @param {string[]} roots @param {TokenCheck} result */
function decide(reply, data, roots, result) {
  const stated = read(reply);
  result.time = stated.time;
  if (stated.contentTypes.some((type) => type !== TST_INFO)) {
    throw new Verdict(DIFFERS, "T-FORM", "what is signed is no time stamp");
  }
  checkImprint(stated, data);
  const signer = findSigner(stated);
  result.ends = signer.notAfter;
  const trusted = readPem(roots);
  if (trusted.length === 0) {
    throw new Verdict(UNCHECKED, "T-NO-ROOT", "no root certificate: whose authority is not known");
  }
  const path = findPath(signer, stated.certificates, trusted, stated.time);
  if (path === null) {
    throw new Verdict(
      UNCHECKED,
      "T-AUTHORITY",
      "its certificates lead to none of the given roots: whose authority is not known",
    );
  }
  result.ends = Math.min(...path.map((each) => each.notAfter));
  checkCertificates(path, stated.time);
  checkSigned(stated, signer);
}

/** @param {Uint8Array} reply @returns {Stated} */
function read(reply) {
  if (reply.length > MAX_REPLY) throw new Verdict(DIFFERS, "T-FORM", "larger than 1,000,000 bytes");
  let token;
  let status;
  try {
    const members = new Members(readDer(reply), "a reply");
    status = members.next().as(SEQUENCE, "a status").children[0].integer;
    token = members.optional(SEQUENCE);
    members.end();
  } catch (error) {
    throw formProblem(error, "this is no time-stamp reply (RFC 3161 §2.4.2)");
  }
  if (status === 1n) {
    throw new Verdict(UNCHECKED, "T-UNREADABLE", `granted with changes, which ${ELSEWHERE}`);
  }
  if (status !== 0n) {
    throw new Verdict(DIFFERS, "T-REFUSED", `the authority refused (status ${status})`);
  }
  try {
    return readToken(token);
  } catch (error) {
    throw formProblem(error, "this time stamp can't be read (RFC 3161 §2.4.2)");
  }
}

/** @param {unknown} error @param {string} reason */
function formProblem(error, reason) {
  const malformed = error instanceof Refused || error instanceof TypeError;
  return malformed ? new Verdict(DIFFERS, "T-FORM", reason) : error;
}

/** @param {Node | null} token @returns {Stated} */
function readToken(token) {
  if (token === null) throw new Refused("no token");
  const outer = new Members(token, "a token");
  if (outer.next().oid !== SIGNED_DATA) throw new Refused("not signed data");
  const [inner] = outer.next().as(0xa0, "signed data").children;
  outer.end();
  const data = new Members(inner, "signed data");
  data.next().integer;
  const digestAlgorithms = data.next().as(SET, "digest algorithms").children.map(digestName);
  const content = new Members(data.next(), "content");
  const type = content.next().oid;
  const [octets] = content.next().as(0xa0, "content").children;
  const certificates = data.optional(0xa0)?.children ?? [];
  data.optional(0xa1);
  const signers = data.next().as(SET, "signers").children;
  data.end();
  if (signers.length !== 1) throw new Refused("a time stamp has exactly one signer");
  if (certificates.length > MAX_CERTIFICATES) throw new Refused("too many certificates");
  const bytes = octets.as(OCTET_STRING, "content").body;
  return {
    ...readInfo(readDer(bytes)),
    ...readSigner(signers[0], type),
    digestAlgorithms,
    content: bytes,
    certificates: certificates
      .filter((node) => node.tag === SEQUENCE)
      .map((node) => readCertificate(node.whole))
      .filter((each) => each !== null),
  };
}

/** TSTInfo. @param {Node} node */
function readInfo(node) {
  const info = new Members(node, "a TSTInfo");
  if (info.next().integer !== 1n) throw new Refused("another version of TSTInfo");
  info.next().oid;
  const [algorithm, imprint] = info.next().as(SEQUENCE, "an imprint").children;
  info.next().integer;
  const { time } = info.next().as(0x18, "the time");
  return {
    time,
    imprintAlgorithm: digestName(algorithm),
    imprint: imprint.as(OCTET_STRING, "an imprint").body,
  };
}

/** SignerInfo. @param {Node} node @param {string} type of the content */
function readSigner(node, type) {
  const signer = new Members(node, "a signer");
  signer.next().integer;
  const sid = signer.next();
  const digest = digestName(signer.next());
  const signed = signer.next().as(0xa0, "signed attributes");
  const signatureAlgorithm = signer.next().as(SEQUENCE, "an algorithm");
  const signature = signer.next().as(OCTET_STRING, "a signature").body;
  signer.optional(0xa1);
  signer.end();
  const attributes = readAttributes(signed);
  const messageDigest = one(attributes, MESSAGE_DIGEST).as(OCTET_STRING, "a digest").body;
  const byName = sid.tag === SEQUENCE ? sid.children : null;
  return {
    digest,
    signatureAlgorithm,
    signature,
    // The signature is made over the attributes as a SET (RFC 5652 §5.4).
    signedBytes: concat(Uint8Array.of(SET), signed.whole.subarray(1)),
    contentTypes: [type, one(attributes, CONTENT_TYPE).oid],
    messageDigest,
    issuer: byName === null ? null : byName[0].whole,
    serial: byName === null ? 0n : byName[1].integer,
    named: readNamed(attributes),
  };
}

/** @param {Node} node @returns {Map<string, Node[]>} */
function readAttributes(node) {
  const found = new Map();
  for (const each of node.children) {
    const members = new Members(each, "an attribute");
    const { oid } = members.next();
    if (found.has(oid)) throw new Refused("an attribute stands twice");
    found.set(oid, members.next().as(SET, "values").children);
    members.end();
  }
  return found;
}

/** The one value of an attribute. @param {Map<string, Node[]>} attributes @param {string} oid */
function one(attributes, oid) {
  const values = attributes.get(oid) ?? [];
  if (values.length !== 1) throw new Refused("an attribute has exactly one value");
  return values[0];
}

/** Which certificate the signed attributes name (RFC 5035). @param {Map<string, Node[]>} attributes */
function readNamed(attributes) {
  const newer = attributes.has(SIGNING_CERTIFICATE_V2);
  const oid = newer ? SIGNING_CERTIFICATE_V2 : SIGNING_CERTIFICATE;
  if (!attributes.has(oid)) return null;
  const [certs] = one(attributes, oid).as(SEQUENCE, "a named certificate").children;
  const first = new Members(certs.children[0], "a named certificate");
  const named = newer ? first.optional(SEQUENCE) : null;
  const algorithm = named !== null ? digestName(named) : newer ? "sha256" : "sha1";
  const digest = first.next().as(OCTET_STRING, "a digest").body;
  const issuer = first.optional(SEQUENCE);
  first.end();
  return { algorithm, digest, serial: issuer === null ? null : issuer.children[1].integer };
}

/** @param {Stated} stated @param {Uint8Array} data */
function checkImprint(stated, data) {
  const hash = STRONG.get(stated.imprintAlgorithm);
  if (hash === undefined || !STRONG.has(stated.digest)) {
    const weak = hash === undefined ? stated.imprintAlgorithm : stated.digest;
    throw new Verdict(
      UNCHECKED,
      "T-WEAK",
      `made with ${weak}: only SHA-256, SHA-384 and SHA-512 count`,
    );
  }
  if (!equal(hash(data), stated.imprint)) {
    throw new Verdict(DIFFERS, "T-IMPRINT", "it is a time stamp over other bytes");
  }
}

/** The signer's certificate, which the signed attributes must name. @param {Stated} stated */
function findSigner(stated) {
  const { issuer, serial, named } = stated;
  if (issuer === null) throw new Verdict(UNCHECKED, "T-UNREADABLE", ELSEWHERE);
  const signer = stated.certificates.find(
    (each) => equal(each.issuer, issuer) && each.serial === serial,
  );
  if (signer === undefined) {
    throw new Verdict(
      UNCHECKED,
      "T-NO-CERTIFICATE",
      "the certificate of its signer is not at hand",
    );
  }
  if (named === null) {
    throw new Verdict(DIFFERS, "T-CERTIFICATE", "it does not name its signer's certificate");
  }
  const hash = named.algorithm === "sha1" ? sha1 : STRONG.get(named.algorithm);
  if (hash === undefined) throw new Verdict(UNCHECKED, "T-UNREADABLE", ELSEWHERE);
  const right = equal(hash(signer.der), named.digest);
  if (!right || (named.serial !== null && named.serial !== signer.serial)) {
    throw new Verdict(DIFFERS, "T-CERTIFICATE", "it names another signer's certificate");
  }
  return signer;
}

/** @param {Certificate[]} path @param {number} at */
function checkCertificates(path, at) {
  const [signer] = path;
  if (!signer.isForTimeStampsOnly) {
    throw new Verdict(DIFFERS, "T-PURPOSE", "its certificate is not one for time stamps only");
  }
  if (path.some((each) => !each.isValidAt(at))) {
    throw new Verdict(
      DIFFERS,
      "T-VALIDITY",
      "a certificate of its chain was not valid at the time that it states",
    );
  }
  // Bits 0 and 1 are digitalSignature and nonRepudiation: what a time stamp takes, and nothing else.
  const usage = signer.usage;
  const fits = usage === null || (usage.length > 0 && usage.every((bit) => bit < 2));
  if (!fits || path.some((each) => !each.isUnderstood)) {
    throw new Verdict(UNCHECKED, "T-UNREADABLE", ELSEWHERE);
  }
}

/** @param {Stated} stated @param {Certificate} signer */
function checkSigned(stated, signer) {
  const hash = /** @type {(data: Uint8Array) => Uint8Array} */ (STRONG.get(stated.digest));
  const { digest, signatureAlgorithm, signature, signedBytes } = stated;
  const found = checkSignature(signatureAlgorithm, digest, signer.spki, signature, signedBytes);
  if (found === UNKNOWN) throw new Verdict(UNCHECKED, "T-UNREADABLE", ELSEWHERE);
  const whole =
    stated.digestAlgorithms.includes(digest) && equal(hash(stated.content), stated.messageDigest);
  if (found !== GOOD || !whole) {
    throw new Verdict(DIFFERS, "T-SIGNATURE", "its signature does not match");
  }
}
