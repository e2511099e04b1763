/** Signed notes and verifier keys (C2SP signed-note), docs/format-log.md. */

import { b64, concat, decodeUtf8, hex, isUnicode, unb64, utf8 } from "./bytes.js";
import { expect, Refused } from "./errors.js";
import { sha256 } from "./hash.js";
import { checkEd25519Key, checkMldsaKey } from "./keys.js";

const MAX_NOTE = 1_000_000;
const MAX_SIGNATURES = 100;
const DASH = "\u2014 ";
const SPACES = /[\p{Zs}\p{Zl}\p{Zp}\u0000-\u001f\u0085]/u;
const CONTROLS = /[\u0000-\u0009\u000b-\u001f]/;

export const ED25519 = 0x01;
export const COSIGNATURE = 0x04;
export const MLDSA = 0x06;

/**
 * A named public key; `id` is its key ID in hex, `text` its one spelling.
 * @typedef {{name: string, type: number, raw: Uint8Array, id: string, text: string}} VerifierKey
 */
/** @typedef {{name: string, id: string, signature: Uint8Array}} SignatureLine */
/** The text with its last LF, and the signature lines. @typedef {{text: string, lines: SignatureLine[]}} Note */

/** @param {string} name */
function checkKeyName(name) {
  expect(
    name !== "" && !name.includes("+") && !SPACES.test(name) && isUnicode(name),
    "a key name is empty or contains a space, a plus or a control character",
    "E-KEY-NAME",
  );
}

/**
 * @param {string} name
 * @param {number} type
 * @param {Uint8Array} raw
 * @returns {VerifierKey}
 */
export function verifierKey(name, type, raw) {
  checkKeyName(name);
  if (type === MLDSA) checkMldsaKey(raw);
  else checkEd25519Key(raw);
  const typed = concat(Uint8Array.of(type), raw);
  const id = hex(sha256(utf8(name), utf8("\n"), typed).subarray(0, 4));
  return { name, type, raw, id, text: `${name}+${id}+${b64(typed)}` };
}

/** @param {string} text @returns {VerifierKey} */
export function parseVkey(text) {
  const parts = text.length > 4096 ? null : /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text);
  if (parts === null) {
    throw new Refused("a verifier key is written name+8 hex digits+base64", "E-VKEY");
  }
  const blob = unb64(parts[3], "the public key of a verifier key");
  expect(
    [ED25519, COSIGNATURE, MLDSA].includes(blob[0]),
    `a verifier key has the unknown type ${blob[0]}`,
    "E-VKEY-TYPE",
  );
  const key = verifierKey(parts[1], blob[0], blob.subarray(1));
  expect(key.id === parts[2], "a verifier key states another key ID than its own", "E-VKEY-ID");
  return key;
}

/** @param {Uint8Array} data @returns {Note} */
export function parseNote(data) {
  expect(data.length <= MAX_NOTE, `a note has at most ${MAX_NOTE} bytes`);
  const whole = decodeUtf8(data);
  if (whole === null) throw new Refused("a note is UTF-8 text");
  const end = whole.lastIndexOf("\n\n");
  expect(end >= 0, "a note has a blank line before its signatures");
  const text = whole.slice(0, end + 1);
  expect(!CONTROLS.test(text), "the text of a note contains a control character");
  const block = whole.slice(end + 2);
  expect(block.endsWith("\n"), "a note ends in signature lines, each with a line feed");
  const lines = block.slice(0, -1).split("\n");
  expect(lines.length <= MAX_SIGNATURES, `a note has at most ${MAX_SIGNATURES} signatures`);
  return { text, lines: lines.map(parseLine) };
}

/** @param {string} line @returns {SignatureLine} */
function parseLine(line) {
  const space = line.indexOf(" ", DASH.length);
  expect(
    line.startsWith(DASH) && space > 0,
    "a signature line is an em dash, a key name and base64",
  );
  const name = line.slice(DASH.length, space);
  checkKeyName(name);
  const blob = unb64(line.slice(space + 1), "a signature of a note");
  expect(blob.length > 4, "a signature of a note is empty");
  return { name, id: hex(blob.subarray(0, 4)), signature: blob.subarray(4) };
}

/** The bytes of a note. @param {Note} note */
export function formatNote(note) {
  const lines = note.lines.map((line) => {
    const id = Uint8Array.from(/** @type {string[]} */ (line.id.match(/../g)), (x) => parseInt(x, 16));
    return `${DASH}${line.name} ${b64(concat(id, line.signature))}\n`;
  });
  return utf8(`${note.text}\n${lines.join("")}`);
}
