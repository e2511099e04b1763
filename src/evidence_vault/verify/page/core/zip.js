/**
 * A bundle as one ZIP, read strictly through its central directory (APPNOTE 6.3.10):
 *
 *     member  = local header, name, extra, data, [data descriptor]
 *     archive = members without gaps, central directory, [ZIP64 end, its locator], end
 *
 * Whatever two readers could understand in two ways is refused.
 */

import { decodeUtf8, equal, latin1 } from "./bytes.js";
import { Damaged, Listing, MAX_FILES } from "./container.js";
import { crc32 } from "./crc32.js";
import { Inflater, InflateError } from "./inflate.js";
import { isJunk, PADDING, parents } from "./names.js";

/** @typedef {import("./container.js").Source} Source */
/**
 * One entry of the central directory; `data` is the offset of its bytes.
 * @typedef {{
 *   name: string, raw: Uint8Array, flags: number, method: number, moment: number, crc: number,
 *   packed: number, size: number, offset: number, data: number,
 * }} Member
 */

const MAX_RATIO = 1000;
const MAX_DIRECTORY = 512 * 1024 * 1024;
const CHUNK = 1024 * 1024;
const STORED = 0;
const DEFLATE = 8;
const ENCRYPTED = 0x0001 | 0x0040 | 0x2000; // encrypted, strongly encrypted, masked headers
const DESCRIPTOR = 0x0008;
const UTF8 = 0x0800;
const KNOWN_FLAGS = DESCRIPTOR | UTF8 | 0x0006;
const ZIP64 = 0x0001;
// Time stamps and owners, which change nothing about name or content.
const HARMLESS = [ZIP64, 0x000a, 0x5455, 0x5855, 0x7855, 0x7875];
const [FULL16, FULL32] = [0xffff, 0xffffffff];

/** Carries a finding up to the listing. */
class Bad extends Error {
  /** @param {string} code @param {string} subject @param {string} reason */
  constructor(code, subject, reason) {
    super(reason);
    this.code = code;
    this.subject = subject;
  }
}

/** Little-endian numbers of a header. */
class Fields {
  /** @param {Uint8Array} data @param {number} [at] */
  constructor(data, at = 0) {
    this._view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this.at = at;
  }

  get u16() {
    this.at += 2;
    return this._view.getUint16(this.at - 2, true);
  }

  get u32() {
    this.at += 4;
    return this._view.getUint32(this.at - 4, true);
  }

  /** Numbers beyond 2^53 come out as Infinity, which fits nowhere. */
  get u64() {
    this.at += 8;
    const value = Number(this._view.getBigUint64(this.at - 8, true));
    return Number.isSafeInteger(value) ? value : Infinity;
  }
}

/** A bundle in a ZIP with one top folder; paths in the listing stand below it. */
export class ZipContainer {
  /** @param {Source} source */
  constructor(source) {
    this.name = source.name;
    this.listing = new Listing();
    this._source = source;
    /** @type {Map<string, Member>} */ this._members = new Map();
  }

  /** Read the directory and every local header. */
  async open() {
    try {
      const { start, length, count } = await this._findDirectory();
      const members = readDirectory(await this._at(start, length), count);
      await this._checkLayout(members, start);
      this._list(members);
      this.listing.checkCollisions();
    } catch (error) {
      if (!(error instanceof Bad)) throw error;
      const { code, subject, message } = error;
      this.listing.differ(code, subject || this.name, { reason: message });
    }
  }

  /** @param {number} offset @param {number} length */
  async _at(offset, length) {
    const end = offset + length;
    const data = offset >= 0 && end <= this._source.size ? await this._source.slice(offset, end) : null;
    if (data === null || data.length !== length) {
      throw new Bad("C-ZIP-DAMAGED", "", "the file ends too early");
    }
    return data;
  }

  async _findDirectory() {
    const size = this._source.size;
    const last = size < 22 ? new Uint8Array(22) : await this._at(size - 22, 22);
    const fields = new Fields(last);
    if (fields.u32 !== 0x06054b50) {
      throw new Bad("C-ZIP-DAMAGED", "", "cut short, or something stands after its end");
    }
    const [disk, first] = [fields.u16, fields.u16];
    let [here, count, length, start] = [fields.u16, fields.u16, fields.u32, fields.u32];
    const comment = fields.u16;
    let end = size - 22;
    const large = here === FULL16 || length === FULL32 || start === FULL32;
    const locator = end >= 20 ? await this._at(end - 20, 20) : new Uint8Array(20);
    if (new Fields(locator).u32 === 0x07064b50) {
      end -= 20 + 56;
      const wide = await this._end64(end, locator, [here, count, length, start]);
      [here, count, length, start] = wide;
    } else if (large) {
      throw new Bad("C-ZIP-DAMAGED", "", "its ZIP64 end is missing");
    }
    if (disk || first || comment || here !== count) {
      throw new Bad("C-ZIP-LAYOUT", "", "several parts, or a comment");
    }
    if (start + length !== end) throw new Bad("C-ZIP-LAYOUT", "", "bytes that belong to no member");
    if (count > MAX_FILES || length > MAX_DIRECTORY) {
      throw new Bad("C-ZIP-LAYOUT", "", "too many members");
    }
    return { start, length, count };
  }

  /** The ZIP64 end at `at`; it must agree with the short one where that says. @param {number} at @param {Uint8Array} locator @param {number[]} short */
  async _end64(at, locator, short) {
    if (at < 0) throw new Bad("C-ZIP-DAMAGED", "", "its ZIP64 end is missing");
    const where = new Fields(locator, 4);
    const [locatorDisk, offset, disks] = [where.u32, where.u64, where.u32];
    const fields = new Fields(await this._at(at, 56));
    const [mark, length] = [fields.u32, fields.u64];
    fields.at += 4; // versions
    const [disk, first] = [fields.u32, fields.u32];
    const wide = [fields.u64, fields.u64, fields.u64, fields.u64];
    if (mark !== 0x06064b50 || offset !== at || length !== 44) {
      throw new Bad("C-ZIP-LAYOUT", "", "its ZIP64 end is not where it must be");
    }
    if (locatorDisk || disks > 1 || disk || first) {
      throw new Bad("C-ZIP-LAYOUT", "", "several parts");
    }
    const full = [FULL16, FULL16, FULL32, FULL32];
    if (short.some((value, i) => value !== full[i] && value !== wide[i])) {
      throw new Bad("C-ZIP-HEADERS", "", "its two ends disagree");
    }
    return wide;
  }

  /** Members follow each other without gap or overlap, and local headers agree. @param {Member[]} members @param {number} directory */
  async _checkLayout(members, directory) {
    const ordered = [...members].sort((a, b) => a.offset - b.offset);
    if (ordered.length === 0) throw new Bad("C-ZIP-DAMAGED", "", "there is nothing in it");
    if (ordered[0].offset !== 0) {
      throw new Bad("C-ZIP-LAYOUT", "", "bytes before its first member");
    }
    for (const [i, member] of ordered.entries()) {
      const end = i + 1 < ordered.length ? ordered[i + 1].offset : directory;
      await this._checkLocal(member);
      const rest = end - member.data - member.packed;
      if (rest < 0) throw new Bad("C-ZIP-LAYOUT", member.name, "overlaps the next member");
      if (member.flags & DESCRIPTOR) {
        await this._checkDescriptor(member, rest);
      } else if (rest) {
        throw new Bad("C-ZIP-LAYOUT", member.name, "bytes that belong to no member");
      }
    }
  }

  /** @param {Member} m */
  async _checkLocal(m) {
    const fields = new Fields(await this._at(m.offset, 30));
    const mark = fields.u32;
    fields.at += 2; // version
    const [flags, method, moment, crc] = [fields.u16, fields.u16, fields.u32, fields.u32];
    let [packed, size] = [fields.u32, fields.u32];
    const [nameSize, extraSize] = [fields.u16, fields.u16];
    if (mark !== 0x04034b50) throw new Bad("C-ZIP-HEADERS", m.name, "no local header");
    const rest = await this._at(m.offset + 30, nameSize + extraSize);
    m.data = m.offset + 30 + nameSize + extraSize;
    const wide = readExtras(m.name, rest.subarray(nameSize)).get(ZIP64);
    if (wide !== undefined) {
      if (wide.length !== 16) throw new Bad("C-ZIP-HEADERS", m.name, "malformed ZIP64 sizes");
      const sizes = new Fields(wide);
      const [wideSize, widePacked] = [sizes.u64, sizes.u64];
      // The short fields either defer to the wide ones or repeat them.
      if (![FULL32, wideSize].includes(size) || ![FULL32, widePacked].includes(packed)) {
        throw new Bad("C-ZIP-HEADERS", m.name, "headers disagree");
      }
      [size, packed] = [wideSize, widePacked];
    }
    const later = (flags & DESCRIPTOR) !== 0;
    /** @param {number} here @param {number} there */
    const agrees = (here, there) => here === there || (later && here === 0);
    const same =
      equal(rest.subarray(0, nameSize), m.raw) &&
      flags === m.flags &&
      method === m.method &&
      moment === m.moment &&
      agrees(crc, m.crc) &&
      agrees(packed, m.packed) &&
      agrees(size, m.size);
    if (!same) throw new Bad("C-ZIP-HEADERS", m.name, "headers disagree");
  }

  /** [mark] crc, packed size, size: sizes of 4 or 8 bytes. @param {Member} m @param {number} length */
  async _checkDescriptor(m, length) {
    const wrong = new Bad("C-ZIP-HEADERS", m.name, "its data descriptor disagrees");
    if (![12, 16, 20, 24].includes(length)) throw wrong;
    const fields = new Fields(await this._at(m.data + m.packed, length));
    if (length % 8 === 0 && fields.u32 !== 0x08074b50) throw wrong;
    const crc = fields.u32;
    const wide = length >= 20;
    const [packed, size] = wide ? [fields.u64, fields.u64] : [fields.u32, fields.u32];
    if (crc !== m.crc || packed !== m.packed || size !== m.size) throw wrong;
  }

  /** Sort the members into files, folders and junk, below the one top folder. @param {Member[]} members */
  _list(members) {
    const tops = new Set();
    for (const m of members) {
      const folder = m.name.endsWith("/");
      const name = folder ? m.name.slice(0, -1) : m.name;
      if (!this.listing.isSafe(name)) continue;
      if (isJunk(m.name)) {
        this.listing.junk.push(name);
        continue;
      }
      const cut = name.indexOf("/");
      const path = cut < 0 ? "" : name.slice(cut + 1);
      tops.add(cut < 0 ? name : name.slice(0, cut));
      if (folder) {
        if (path) this.listing.folders.add(path);
      } else if (!path) {
        throw new Bad("C-TOP-FOLDER", name, "a file outside the one top folder");
      } else {
        this.listing.files.set(path, m.size);
        this._members.set(path, m);
        for (const each of parents(path)) this.listing.folders.add(each);
      }
    }
    if (tops.size !== 1) {
      throw new Bad("C-TOP-FOLDER", "", `${tops.size} top folders instead of one`);
    }
  }

  /** The content of a listed file; throws Damaged when size or CRC-32 is another. @param {string} path @returns {AsyncGenerator<Uint8Array>} */
  async *stream(path) {
    const m = /** @type {Member} */ (this._members.get(path));
    let [size, crc] = [0, 0];
    const content = m.method === DEFLATE ? this._inflated(m) : this._stored(m);
    for await (const chunk of content) {
      size += chunk.length;
      if (size > m.size) throw new Damaged(path);
      crc = crc32(chunk, crc);
      yield chunk;
    }
    if (size !== m.size || crc !== m.crc) throw new Damaged(path);
  }

  /** @param {Member} m @returns {AsyncGenerator<Uint8Array>} */
  async *_stored(m) {
    for (let at = 0; at < m.packed; at += CHUNK) {
      const end = m.data + Math.min(at + CHUNK, m.packed);
      const chunk = await this._source.slice(m.data + at, end);
      if (chunk.length !== end - m.data - at) throw new Error("the file could not be read");
      yield chunk;
    }
  }

  /** @param {Member} m @returns {AsyncGenerator<Uint8Array>} */
  async *_inflated(m) {
    const inflater = new Inflater();
    let at = 0;
    try {
      do {
        const end = Math.min(at + (1 << 16), m.packed);
        const packed = await this._source.slice(m.data + at, m.data + end);
        if (packed.length !== end - at) throw new Error("the file could not be read");
        at = end;
        yield* inflater.push(packed, at === m.packed);
      } while (at < m.packed);
    } catch (error) {
      if (error instanceof InflateError) throw new Damaged(m.name);
      throw error;
    }
    // Nothing may stand between the end of the stream and the end of the data.
    if (!inflater.isWhole) throw new Damaged(m.name);
  }
}

/** @param {Uint8Array} data @param {number} count @returns {Member[]} */
function readDirectory(data, count) {
  /** @type {Member[]} */
  const members = [];
  const names = new Set();
  let at = 0;
  for (let i = 0; i < count; i++) {
    const fields = new Fields(data, at);
    if (at + 46 > data.length || fields.u32 !== 0x02014b50) {
      throw new Bad("C-ZIP-DAMAGED", "", "its list of members is broken");
    }
    fields.at += 24;
    const [nameSize, extraSize, commentSize] = [fields.u16, fields.u16, fields.u16];
    const end = at + 46 + nameSize + extraSize + commentSize;
    if (end > data.length) throw new Bad("C-ZIP-DAMAGED", "", "its list of members is broken");
    const raw = data.subarray(at + 46, at + 46 + nameSize);
    const extra = data.subarray(at + 46 + nameSize, end - commentSize);
    const member = readMember(new Fields(data, at), raw, extra);
    if (commentSize) throw new Bad("C-ZIP-LAYOUT", member.name, "a comment");
    if (names.has(member.name)) throw new Bad("C-ZIP-DUPLICATE", member.name, "named twice");
    names.add(member.name);
    members.push(member);
    at = end;
  }
  if (at !== data.length) throw new Bad("C-ZIP-LAYOUT", "", "bytes after its list of members");
  return members;
}

/** @param {Fields} fields @param {Uint8Array} raw @param {Uint8Array} extra @returns {Member} */
function readMember(fields, raw, extra) {
  fields.at += 8; // mark, versions
  const [flags, method, moment, crc] = [fields.u16, fields.u16, fields.u32, fields.u32];
  const short = { packed: fields.u32, size: fields.u32 };
  fields.at += 6; // lengths of name, extra fields and comment
  const disk = fields.u16;
  fields.at += 2; // internal attributes
  const [attributes, start] = [fields.u32, fields.u32];
  const name = memberName(raw, flags);
  const { size, packed, offset, rest } = wideSizes(name, extra, short.size, short.packed, start);
  if (flags & ENCRYPTED) throw new Bad("C-ZIP-ENCRYPTED", name, "encrypted inside the ZIP");
  if (![STORED, DEFLATE].includes(method) || flags & ~KNOWN_FLAGS) {
    throw new Bad("C-ZIP-METHOD", name, `compression method ${method}, flags ${flags}`);
  }
  const folder = name.endsWith("/");
  const type = attributes >>> 28; // the file type of POSIX: 4 a folder, 8 a regular file
  if (![0, 4, 8].includes(type)) throw new Bad("C-LINK", name, "a link or special file");
  if (type === 4 && !folder) throw new Bad("C-ZIP-HEADERS", name, "a folder named like a file");
  const empty = size === 0 && packed <= 2;
  if (rest || disk || (folder && !empty) || name === "" || name === "/") {
    throw new Bad("C-ZIP-HEADERS", name, "malformed header");
  }
  if (method === STORED && packed !== size) {
    throw new Bad("C-ZIP-HEADERS", name, "sizes that do not fit");
  }
  const isPadding = name.slice(name.indexOf("/") + 1) === PADDING; // of zeros, and small
  if (size > MAX_RATIO * packed && !isPadding) {
    throw new Bad("C-ZIP-RATIO", name, `${size} bytes from ${packed}`);
  }
  return { name, raw, flags, method, moment, crc, packed, size, offset, data: 0 };
}

/** @param {Uint8Array} raw @param {number} flags */
function memberName(raw, flags) {
  const ascii = raw.every((byte) => byte < 0x80);
  const name = flags & UTF8 || ascii ? decodeUtf8(raw) : null;
  if (name === null) throw new Bad("C-UNSAFE-NAME", latin1(raw), "name not in UTF-8");
  return name;
}

/** Sizes and offset, from the ZIP64 field where the short ones defer to it. @param {string} name @param {Uint8Array} extra @param {number} size @param {number} packed @param {number} offset */
function wideSizes(name, extra, size, packed, offset) {
  const wide = readExtras(name, extra).get(ZIP64) ?? new Uint8Array(0);
  const fields = new Fields(wide);
  const [found, foundPacked, foundOffset] = [size, packed, offset].map((value) => {
    if (value !== FULL32) return value;
    if (fields.at + 8 > wide.length) {
      throw new Bad("C-ZIP-HEADERS", name, "malformed ZIP64 sizes");
    }
    return fields.u64;
  });
  const rest = wide.length - fields.at;
  return { size: found, packed: foundPacked, offset: foundOffset, rest };
}

/** Extra fields by id, each once and known to be harmless. @param {string} name @param {Uint8Array} data */
function readExtras(name, data) {
  /** @type {Map<number, Uint8Array>} */
  const found = new Map();
  for (let at = 0; at < data.length; ) {
    const fields = new Fields(data, at);
    const [kind, size] = at + 4 <= data.length ? [fields.u16, fields.u16] : [0, 0];
    if (!HARMLESS.includes(kind) || found.has(kind) || at + 4 + size > data.length) {
      throw new Bad("C-ZIP-HEADERS", name, "extra fields that are not known");
    }
    found.set(kind, data.subarray(at + 4, at + 4 + size));
    at += 4 + size;
  }
  return found;
}
