/** index.csv of a bundle: a line for each item and the totals last (docs/format-bundle.md). */

import { decodeUtf8 } from "./bytes.js";

/** @typedef {import("./statement.js").Statement} Statement */

const HEAD = "item,home,outcome,reason,original,receipt";
const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;

/** The cells of a line, null when it is not in its one spelling. @param {string} line */
function cells(line) {
  const found = [];
  const form = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (;;) {
    const parts = form.exec(line);
    if (parts === null) return null;
    const quoted = parts[1] !== undefined;
    const value = quoted ? parts[1].replace(/""/g, '"') : parts[2];
    // Quoted only where it must be.
    if (quoted && !/[",]/.test(value)) return null;
    found.push(value);
    if (parts[3] === "") return found;
  }
}

/** What is wrong with the table, "" if nothing. @param {Uint8Array} data @param {Statement} statement */
export function indexProblem(data, { counts, items }) {
  const text = decodeUtf8(data);
  if (text === null) return "not a table";
  const spelling = "not in its one spelling: a line for each row, quoted only where it must be";
  if (!text.endsWith("\n") || /[\u0000-\u0009\u000b-\u001f]/.test(text)) return spelling;
  const lines = text.slice(0, -1).split("\n");
  const rows = lines.map(cells);
  if (rows.some((row) => row === null)) return spelling;
  if (lines[0] !== HEAD) return "another heading";
  const total = `TOTAL,${counts.chosen},exported,${counts.exported},withheld,${counts.withheld}`;
  if (rows.length !== items.length + 2 || lines[lines.length - 1] !== total) {
    return "its total is not that of the statement";
  }
  for (const [i, item] of items.entries()) {
    const row = /** @type {string[]} */ (rows[i + 1]);
    const home = FORMULA.test(item.home) ? `'${item.home}` : item.home;
    const outcome = item.withheld === null ? "exported" : "withheld";
    const same = row[0] === item.id && row[1] === home && row[2] === outcome;
    if (!same || row.length !== 6) return `its line for ${item.id} is not that of the statement`;
  }
  return "";
}
