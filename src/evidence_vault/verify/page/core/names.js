/** Names inside a bundle: which are safe, which collide, which an operating system adds. */

import { isUnicode, utf8 } from "./bytes.js";

export const STATEMENT = "statement.json";
export const STATEMENT_SIG = "statement.sig";
export const STATEMENT_SSHSIG = "statement.sshsig";
export const STATEMENT_FILES = [STATEMENT, STATEMENT_SIG, STATEMENT_SSHSIG];
export const MANIFESTS = ["manifest-sha256.txt", "manifest-sha512.txt"];
export const TAG_MANIFESTS = ["tagmanifest-sha256.txt", "tagmanifest-sha512.txt"];
/** What a statement can't list: itself, and what is made after it. */
export const UNLISTED = [...STATEMENT_FILES, ...TAG_MANIFESTS];
/** Zeros that hide the exact size of an encrypted ZIP (docs/format-bundle.md rule 2). */
export const PADDING = "padding";
/** Besides the manifests, what stands in every bundle. */
export const FIXED = [
  ...["HOW-TO-VERIFY.txt", "bag-info.txt", "bagit.txt", "custody.csv"],
  ...["custody.txt", "index.csv", "verify.sh"],
];
export const COPIES = "copies/";

const RESERVED = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?$/is;
const JUNK_FILES = [".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", ".directory"];
const JUNK_FOLDERS = ["__macosx", ".spotlight-v100", ".trashes", ".fseventsd"];

/** @param {string} path */
export function isPayload(path) {
  return path.startsWith("data/");
}

/** The folders above a path, outermost first. @param {string} path */
export function parents(path) {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, i) => parts.slice(0, i + 1).join("/"));
}

/** Why a path must not stand in a bundle, "" when it may. @param {string} path */
export function unsafeReason(path) {
  if (!isUnicode(path)) return "not UTF-8";
  if (path === "" || utf8(path).length > 1024) return "empty or too long";
  if (path.startsWith("/")) return "absolute path";
  if (path.includes("\\")) return "backslash";
  if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(path)) return "control character";
  if (path.includes(":")) return "drive letter or stream";
  if (/[<>"|?*%]/.test(path)) return "character not allowed";
  return path.split("/").map(unsafePart).find(Boolean) ?? "";
}

/** @param {string} part */
function unsafePart(part) {
  if (part === "..") return "parent path";
  if (part === "" || part === ".") return "empty path element";
  if (utf8(part).length > 255) return "empty or too long";
  if (/[. ]$/.test(part)) return "name ending in a dot or a space";
  return RESERVED.test(part) ? "name reserved by Windows" : "";
}

/** Small and capital letters made equal, somewhat more widely than Unicode asks. @param {string} text */
function caseless(text) {
  return text.toLowerCase().toUpperCase().toLowerCase().replace(/\u03c2/g, "\u03c3");
}

/** Equal for two paths that some file system takes for one. @param {string} path */
export function foldKey(path) {
  return caseless(path.normalize("NFD")).normalize("NFD");
}

/**
 * True for the closed list of what an operating system adds; a path that ends in a slash is a
 * folder. Only A to Z are taken for a to z here: what is no junk is *added*, the safe side.
 * @param {string} path
 */
export function isJunk(path) {
  const parts = path.replace(/[A-Z]/g, (letter) => letter.toLowerCase()).split("/");
  const name = /** @type {string} */ (parts.pop());
  return (
    JUNK_FILES.includes(name) ||
    name.startsWith("._") ||
    parts.some((folder) => JUNK_FOLDERS.includes(folder))
  );
}
