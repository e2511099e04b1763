/** Shapes of small values that several formats share. Each answers; the caller refuses. */

import { isUnicode, utf8 } from "./bytes.js";

const TIME =
  /^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$/;
const EVENT_TIME = /^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$/;

/** `YYYY-MM-DDTHH:MM:SSZ`. @param {unknown} text @returns {text is string} */
export function isTime(text) {
  return typeof text === "string" && TIME.test(text);
}

/** The looser form in which an event states its time. @param {unknown} text */
export function isEventTime(text) {
  return typeof text === "string" && EVENT_TIME.test(text);
}

/**
 * A log origin: 1 to 255 bytes, printable, without space and plus.
 * @param {unknown} text
 * @returns {text is string}
 */
export function isOrigin(text) {
  return (
    typeof text === "string" &&
    text !== "" &&
    isUnicode(text) &&
    !/[\p{C}\p{Z}+]/u.test(text) &&
    utf8(text).length <= 255
  );
}

/** 0 to 19 decimal digits without a leading zero. @param {unknown} text @returns {text is string} */
export function isDecimal(text) {
  return typeof text === "string" && /^(0|[1-9][0-9]{0,18})$/.test(text);
}

/** A whole number from 0 to 2^53 - 1. @param {unknown} value @returns {value is number} */
export function isCount(value) {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** Lowercase hex digits. @param {unknown} text @param {number} length @returns {text is string} */
export function isHex(text, length) {
  return typeof text === "string" && text.length === length && /^[0-9a-f]*$/.test(text);
}

/** @param {unknown} text @returns {text is string} */
export function isText(text) {
  return typeof text === "string";
}

/** @param {unknown} value @returns {value is string[]} */
export function areTexts(value) {
  return Array.isArray(value) && value.every(isText);
}

/** @param {unknown} text @returns {text is string} */
export function isItemId(text) {
  return typeof text === "string" && /^[A-Z][A-Z0-9]{1,11}-[0-9]{7,12}$/.test(text);
}

/** @param {unknown} text */
export function isAccessionId(text) {
  return typeof text === "string" && /^[A-Z][A-Z0-9]{1,11}-A[0-9]{5,12}$/.test(text);
}

/** @param {unknown} text */
export function isPrefix(text) {
  return typeof text === "string" && /^[A-Z][A-Z0-9]{1,11}$/.test(text);
}

/** The name of a time authority. @param {unknown} text */
export function isAuthority(text) {
  return typeof text === "string" && /^[a-z0-9-]{1,40}$/.test(text);
}

/** Characters, not UTF-16 units. @param {string} text */
export function length(text) {
  return Array.from(text).length;
}
