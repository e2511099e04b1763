/** Bytes and text: strict decoding, one spelling of base64 and hex, comparison. */

import { Refused } from "./errors.js";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUES = new Int8Array(128).fill(-1);
for (let i = 0; i < 64; i++) VALUES[ALPHABET.charCodeAt(i)] = i;

// ignoreBOM: a byte order mark is a character like any other, never swallowed.
const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const ENCODER = new TextEncoder();
const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));
const LONE = /\p{Surrogate}/u;

/** @param {string} text @returns {Uint8Array} */
export function utf8(text) {
  return ENCODER.encode(text);
}

/**
 * Strict UTF-8; null for other bytes.
 * @param {Uint8Array} data
 * @returns {string | null}
 */
export function decodeUtf8(data) {
  try {
    return STRICT.decode(data);
  } catch {
    return null;
  }
}

/** True for text that UTF-8 can hold: no half of a surrogate pair alone. @param {string} text */
export function isUnicode(text) {
  return !LONE.test(text);
}

/** Bytes as Latin-1 text: one character for each byte. @param {Uint8Array} data */
export function latin1(data) {
  let out = "";
  for (let at = 0; at < data.length; at += 8192) {
    out += String.fromCharCode(...data.subarray(at, at + 8192));
  }
  return out;
}

/** @param {Uint8Array} data @returns {string} lowercase hex */
export function hex(data) {
  let out = "";
  for (const byte of data) out += HEX[byte];
  return out;
}

/** The bytes of lowercase hex whose form is known. @param {string} text */
export function unhex(text) {
  const out = new Uint8Array(text.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = parseInt(text.substr(2 * i, 2), 16);
  return out;
}

/** Standard base64 with padding (RFC 4648 section 4). @param {Uint8Array} data */
export function b64(data) {
  const parts = [];
  let out = "";
  for (let i = 0; i < data.length; i += 3) {
    const [a, b, c] = [data[i], data[i + 1], data[i + 2]];
    out += ALPHABET[a >> 2] + ALPHABET[((a & 3) << 4) | ((b ?? 0) >> 4)];
    out += b === undefined ? "=" : ALPHABET[((b & 15) << 2) | ((c ?? 0) >> 6)];
    out += c === undefined ? "=" : ALPHABET[c & 63];
    if (out.length > 65536) {
      parts.push(out);
      out = "";
    }
  }
  return parts.join("") + out;
}

/**
 * Decode the one spelling of base64: padded, no other character, unused bits zero.
 * @param {unknown} text
 * @param {string} what names it in the refusal
 * @param {number} [length] the exact number of bytes demanded
 */
export function unb64(text, what, length) {
  if (typeof text !== "string" || text.length % 4) throw new Refused(`${what} is not base64`);
  const pad = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const digits = text.length - pad;
  const out = new Uint8Array((text.length / 4) * 3 - pad);
  let bits = 0;
  let held = 0;
  let at = 0;
  for (let i = 0; i < digits; i++) {
    const value = VALUES[text.charCodeAt(i)] ?? -1;
    if (value < 0) throw new Refused(`${what} is not base64`);
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out[at++] = (held >> bits) & 0xff;
    }
  }
  if (held & ((1 << bits) - 1)) throw new Refused(`${what} is not in canonical base64 form`);
  if (length !== undefined && out.length !== length) {
    throw new Refused(`${what} has ${out.length} bytes, not ${length}`);
  }
  return out;
}

/** @param {Uint8Array} a @param {Uint8Array} b */
export function equal(a, b) {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** @param {...Uint8Array} parts */
export function concat(...parts) {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** @param {Uint8Array} data @param {Uint8Array} start */
export function startsWith(data, start) {
  return data.length >= start.length && equal(data.subarray(0, start.length), start);
}

/** Big-endian u64. @param {bigint} value */
export function u64(value) {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, value);
  return out;
}

/** Big-endian u32. @param {number} value */
export function u32(value) {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value);
  return out;
}

/**
 * Order by code points, which is the order of the UTF-8 bytes. (JavaScript's own order, by UTF-16
 * units, puts U+10000 before U+E000.)
 * @param {string} a
 * @param {string} b
 */
export function byCodePoint(a, b) {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    let [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x === y) continue;
    if (x >= 0xd800 && y >= 0xd800) {
      // Surrogates stand for code points above all that follow them in UTF-16.
      x = x >= 0xe000 ? x - 0x800 : x + 0x2000;
      y = y >= 0xe000 ? y - 0x800 : y + 0x2000;
    }
    return x - y;
  }
  return a.length - b.length;
}

/**
 * True when each text stands after the one before it.
 * @param {string[]} texts
 */
export function isAscending(texts) {
  return texts.every((text, i) => i === 0 || byCodePoint(texts[i - 1], text) < 0);
}
