/** What a file is, told from its first bytes, so that a mix-up gets a clear answer. */

import { latin1 } from "./bytes.js";

export const RECEIPT_KIND = "V-IS-RECEIPT";
export const TRUST_KIND = "V-IS-TRUST";
export const ZIP_KIND = "V-IS-ZIP";
export const TRUST_START = '{"kind":"evidence-vault/trust"';

const STARTS = [
  ["evidence-vault/receipt/v1", RECEIPT_KIND],
  ["age-encryption.org/v1", "V-IS-AGE"],
  ["PK", ZIP_KIND],
  [TRUST_START, TRUST_KIND],
  ['{"bundle_id":', "V-IS-STATEMENT"],
];

/** The message code of a kind of file; null for anything else. @param {Uint8Array} head */
export function kindOf(head) {
  if (head.length === 0) return "V-IS-EMPTY";
  const text = latin1(head);
  return STARTS.find(([start]) => text.startsWith(start))?.[1] ?? null;
}
