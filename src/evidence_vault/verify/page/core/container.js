/**
 * Bundles as hostile containers: no name or header is trusted. A container lists its files, says
 * what is unsafe about it (docs/format-bundle.md rule 1) and gives a listed file as a stream.
 */

import { byCodePoint } from "./bytes.js";
import { foldKey, isJunk, parents, unsafeReason } from "./names.js";
import { DIFFERS, finding } from "./report.js";

/** @typedef {import("./report.js").Finding} Finding */
/** A file that can be read in parts. @typedef {{name: string, size: number, slice: (start: number, end: number) => Promise<Uint8Array>}} Source */
/**
 * A folder as whoever opened it saw it: paths stand below the folder of the bundle. `kind` of a
 * file is told where the system says that it is a link, or neither file nor folder.
 * @typedef {{path: string, source: Source, kind?: "link" | "special"}} FolderFile
 */
/** @typedef {{kind: "zip", source: Source} | {kind: "folder", name?: string, files: FolderFile[], folders?: string[]}} BundleSource */
/** @typedef {{name: string, listing: Listing, stream: (path: string) => AsyncGenerator<Uint8Array>}} Container */

const CLAUSE = "docs/format-bundle.md rule 1";
const CHUNK = 1024 * 1024;
export const MAX_FILES = 4_000_000;

/** The bytes of a listed file are damaged inside their container. */
export class Damaged extends Error {}

/** What a container holds. */
export class Listing {
  constructor() {
    /** @type {Map<string, number>} sizes in bytes by safe path */ this.files = new Map();
    /** @type {Set<string>} */ this.folders = new Set();
    /** @type {string[]} */ this.junk = [];
    /** @type {Finding[]} */ this.problems = [];
  }

  /** @param {string} code @param {string} subject @param {import("./report.js").Details} [details] */
  differ(code, subject, details = {}) {
    this.problems.push(finding(DIFFERS, code, subject, details, CLAUSE));
  }

  /** False, with a finding, for a name that must not stand in a bundle. @param {string} path */
  isSafe(path) {
    const reason = unsafeReason(path);
    if (reason) this.differ("C-UNSAFE-NAME", path, { reason });
    return reason === "";
  }

  /** Names that some file system takes for one. */
  checkCollisions() {
    /** @type {Map<string, string>} */
    const seen = new Map();
    const paths = [...new Set([...this.files.keys(), ...this.folders])].sort(byCodePoint);
    for (const path of paths) {
      const key = foldKey(path);
      const other = seen.get(key);
      if (other !== undefined) this.differ("C-COLLISION", path, { other });
      else seen.set(key, path);
    }
    for (const path of this.files.keys()) {
      if (this.folders.has(path)) this.differ("C-COLLISION", path, { other: path });
    }
  }
}

/** The bytes of a source, chunk by chunk. @param {Source} source @returns {AsyncGenerator<Uint8Array>} */
export async function* chunks(source) {
  for (let at = 0; at < source.size; at += CHUNK) {
    const end = Math.min(at + CHUNK, source.size);
    const chunk = await source.slice(at, end);
    if (chunk.length !== end - at) throw new Error("the file could not be read");
    yield chunk;
  }
}

/** A bundle as a folder. Links and other special files are named and never opened. */
export class FolderContainer {
  /** @param {string} name @param {FolderFile[]} files @param {string[]} folders */
  constructor(name, files, folders) {
    this.name = name;
    this.listing = new Listing();
    /** @type {Map<string, Source>} */ this._sources = new Map();
    if (files.length > MAX_FILES) this.listing.differ("C-ZIP-LAYOUT", name, { reason: "too many" });
    for (const path of folders) this._takeFolder(path);
    for (const file of files) this._takeFile(file);
    this.listing.checkCollisions();
  }

  /** @param {string} path */
  _takeFolder(path) {
    if (isJunk(`${path}/`)) this.listing.junk.push(path);
    else if (this.listing.isSafe(path)) {
      for (const each of [...parents(path), path]) this.listing.folders.add(each);
    }
  }

  /** @param {FolderFile} file */
  _takeFile({ path, source, kind }) {
    const { listing } = this;
    if (parents(path).some((folder) => isJunk(`${folder}/`))) listing.junk.push(path);
    else if (kind === "link") listing.differ("C-LINK", path);
    else if (kind === "special") listing.differ("C-SPECIAL", path);
    else if (isJunk(path)) listing.junk.push(path);
    else if (listing.isSafe(path)) {
      if (listing.files.has(path)) listing.differ("C-COLLISION", path, { other: path });
      listing.files.set(path, source.size);
      this._sources.set(path, source);
      for (const each of parents(path)) listing.folders.add(each);
    }
  }

  /** @param {string} path @returns {AsyncGenerator<Uint8Array>} */
  stream(path) {
    return chunks(/** @type {Source} */ (this._sources.get(path)));
  }
}
