/**
 * Which trust document counts: thresholds of root keys, and the unbroken chain from the first that
 * was accepted (docs/format-trust.md, *When a trust document counts*).
 */

import { b64, hex, unb64 } from "./bytes.js";
import { pae } from "./entry.js";
import { expect, Refused } from "./errors.js";
import { sha256hex } from "./hash.js";
import { isObject, parseCanonical } from "./json.js";
import { keyid, verifyEd25519 } from "./keys.js";
import { isHex } from "./shapes.js";
import { parseDocument } from "./trustdoc.js";

/** @typedef {import("./trustdoc.js").Document} Document */
/** @typedef {import("./trustdoc.js").Organisation} Organisation */
/** @typedef {{document: Document, payload: Uint8Array, digest: string, signatures: {keyid: string, sig: Uint8Array}[]}} Signed */

const PAYLOAD_TYPE = "application/vnd.evidence-vault.trust+json";

/** @param {unknown} condition @param {string} message */
function form(condition, message) {
  expect(condition, `trust document: ${message} (docs/format-trust.md)`);
}

/** Open an envelope and read the document; its signatures are not checked. @param {Uint8Array} data @returns {Signed} */
export function parseSigned(data) {
  form(data.length <= 16 * 1024 * 1024, "larger than 16 MiB");
  const value = parseCanonical(data, "a trust document");
  form(isObject(value, "payload", "payloadType", "signatures"), "not a DSSE envelope");
  form(value.payloadType === PAYLOAD_TYPE, "another payload type");
  form(
    Array.isArray(value.signatures) && value.signatures.length <= 512,
    "signatures: a list of at most 512",
  );
  /** @type {{keyid: string, sig: Uint8Array}[]} */
  const signatures = value.signatures.map((/** @type {any} */ each) => {
    form(isObject(each, "keyid", "sig") && isHex(each.keyid, 64), "a malformed signature");
    return { keyid: each.keyid, sig: unb64(each.sig, "a signature", 64) };
  });
  const order = signatures.map((each) => each.keyid + hex(each.sig));
  form(
    order.every((text, i) => i === 0 || order[i - 1] <= text),
    "signatures must be sorted by keyid",
  );
  const payload = unb64(value.payload, "the payload of a trust document");
  return { document: parseDocument(payload), payload, digest: sha256hex(payload), signatures };
}

/** The root keys (base64) among `roots` that signed, each once. @param {Signed} signed @param {Uint8Array[]} roots */
function signers(signed, roots) {
  const known = new Map(roots.map((raw) => [keyid(raw), raw]));
  const message = pae(signed.payload, PAYLOAD_TYPE);
  /** @type {Set<string>} */
  const found = new Set();
  for (const { keyid: name, sig } of signed.signatures) {
    const raw = known.get(name);
    if (raw === undefined || found.has(b64(raw))) continue;
    try {
      verifyEd25519(raw, sig, message);
    } catch (error) {
      if (error instanceof Refused) continue; // a signature that fails counts for nothing
      throw error;
    }
    found.add(b64(raw));
  }
  return found;
}

/** Refuses unless enough root keys that `by` names have signed. @param {Signed} signed @param {Document} by */
function checkThreshold(signed, by) {
  const count = signers(signed, by.roots).size;
  if (count < by.threshold) {
    throw new Refused(
      `trust document, version ${signed.document.version}: ${count} of the root keys of version ` +
        `${by.version} signed it, ${by.threshold} are needed`,
      "E-TRUST-THRESHOLD",
    );
  }
}

/** Every step from the first document to the newest. @param {Signed[]} chain */
export function checkChain(chain) {
  checkThreshold(chain[0], chain[0].document);
  for (let i = 1; i < chain.length; i++) checkNext(chain[i - 1], chain[i]);
}

/** @param {Signed} old @param {Signed} next */
function checkNext(old, next) {
  const [before, after] = [old.document, next.document];
  if (after.version < before.version) {
    throw new Refused("trust document: an older version after a newer one", "E-TRUST-ROLLBACK");
  }
  if (after.version > before.version + 1) {
    throw new Refused("trust document: a version is missing", "E-TRUST-SKIPPED");
  }
  checkThreshold(next, before);
  if (after.version === before.version) {
    throw new Refused("trust documents: two of one version are signed", "E-TRUST-FORK");
  }
  checkThreshold(next, after);
  if (after.previous !== old.digest) {
    throw new Refused("trust documents: one names another before it", "E-TRUST-FORK");
  }
  checkRoots(next, before);
  checkKept(before, after);
}

/** A root changes only to the key committed to, and never comes back. @param {Signed} next @param {Document} before */
function checkRoots(next, before) {
  const after = next.document;
  const present = signers(next, after.roots);
  for (const organisation of after.organisations) {
    const was = before.organisations.find((each) => each.name === organisation.name);
    if (was) checkRoot(organisation, was, present.has(b64(organisation.root)));
  }
  const revoked = new Map(after.revoked.map((each) => [b64(each.raw), each.version]));
  const kept = before.revoked.every((each) => revoked.get(b64(each.raw)) === each.version);
  const roots = new Set(after.roots.map(b64));
  const named = before.roots.every((raw) => roots.has(b64(raw)) || revoked.has(b64(raw)));
  expect(
    kept && named,
    "trust document: a root key that is no longer in force is not named as revoked",
    "E-TRUST-DROPPED",
  );
}

/** @param {Organisation} now @param {Organisation} was @param {boolean} signed */
function checkRoot(now, was, signed) {
  const same = b64(now.root) === b64(was.root);
  const good = same
    ? now.commitment === was.commitment || signed
    : sha256hex(now.root) === was.commitment && now.commitment !== was.commitment;
  expect(
    good,
    "trust document: a root key, or the next one, was exchanged for another than committed to",
    "E-TRUST-ROOT",
  );
}

/** A log keeps fingerprint and keys for life; one that ends is named. @param {Document} before @param {Document} after */
function checkKept(before, after) {
  /** @param {unknown} condition @param {string} message */
  const kept = (condition, message) =>
    expect(condition, `trust document: ${message}`, "E-TRUST-DROPPED");
  for (const each of before.retired) {
    const found = after.retired.find((other) => other.origin === each.origin);
    const same =
      found?.org === each.org && found.fingerprint === each.fingerprint && found.size === each.size;
    kept(found && same, "a retired log is not named any more, or otherwise");
  }
  for (const log of before.organisations.flatMap((each) => each.origins)) {
    const held = after.holder(log.origin);
    if (held) {
      const { fingerprint, prefix, log_keys: keys } = held.log;
      kept(
        fingerprint === log.fingerprint &&
          prefix === log.prefix &&
          keys.join() === log.log_keys.join(),
        "a log has another fingerprint or keys",
      );
    } else {
      const over = after.retired.find((each) => each.origin === log.origin);
      kept(over?.fingerprint === log.fingerprint, "a log is left out and not named retired");
    }
  }
}
