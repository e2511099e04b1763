/** Digests, and both digests of a stream in one pass with memory that does not grow. */

import { sha256 as noble256, sha512 as noble512 } from "@noble/hashes/sha2.js";

import { concat, hex } from "./bytes.js";

/** @param {...Uint8Array} parts */
export function sha256(...parts) {
  return noble256(parts.length === 1 ? parts[0] : concat(...parts));
}

/** @param {Uint8Array} data */
export function sha512(data) {
  return noble512(data);
}

/** @param {...Uint8Array} parts @returns {string} lowercase hex */
export function sha256hex(...parts) {
  return hex(sha256(...parts));
}

/**
 * Lowercase hex digests, size in bytes, and the first bytes.
 * @typedef {{sha256: string, sha512: string, size: number, head: Uint8Array}} Digests
 */

/** Takes chunks of a stream, one after the other. */
export class Digester {
  constructor() {
    this.size = 0;
    this.head = new Uint8Array(0);
    this._sha256 = noble256.create();
    this._sha512 = noble512.create();
  }

  /** @param {Uint8Array} chunk */
  take(chunk) {
    this._sha256.update(chunk);
    this._sha512.update(chunk);
    this.size += chunk.length;
    if (this.head.length < 64) this.head = concat(this.head, chunk.subarray(0, 64));
  }

  /** @returns {Digests} */
  end() {
    return {
      sha256: hex(this._sha256.digest()),
      sha512: hex(this._sha512.digest()),
      size: this.size,
      head: this.head,
    };
  }
}

/** @param {Uint8Array} data @returns {Digests} */
export function digestsOf(data) {
  const digester = new Digester();
  digester.take(data);
  return digester.end();
}
