/**
 * Deflate (RFC 1951), chunk by chunk. The decoders of browsers differ in what they let stand after
 * the end of a stream and are not asked: here every bit of a member belongs to one place.
 */

const WINDOW = 32768;
const SPACE = 4 * WINDOW;
const FAST = 10; // bits that one look into a table decodes
const ENOUGH = 400; // bytes that hold the header of any block

const LENGTH_BASE = [
  ...[3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59],
  ...[67, 83, 99, 115, 131, 163, 195, 227, 258],
];
const LENGTH_BITS = [
  ...[0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3],
  ...[4, 4, 4, 4, 5, 5, 5, 5, 0],
];
const DISTANCE_BASE = [
  ...[1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769],
  ...[1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577],
];
const DISTANCE_BITS = [
  ...[0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8],
  ...[9, 9, 10, 10, 11, 11, 12, 12, 13, 13],
];
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** Bytes that are no deflate stream. */
export class InflateError extends Error {}

/** A Huffman code: symbols by length, and a table for the short ones. */
class Code {
  /** @param {number[]} lengths of each symbol's code, 0 for none @param {boolean} single whether one code alone may stand */
  constructor(lengths, single) {
    this.count = new Uint16Array(16);
    for (const length of lengths) this.count[length] += 1;
    this.count[0] = 0;
    this._checkComplete(single);
    const offsets = new Uint16Array(16);
    for (let i = 1; i < 15; i++) offsets[i + 1] = offsets[i] + this.count[i];
    this.symbols = new Uint16Array(lengths.length);
    lengths.forEach((length, symbol) => {
      if (length !== 0) this.symbols[offsets[length]++] = symbol;
    });
    this.fast = this._table();
  }

  /** @param {boolean} single */
  _checkComplete(single) {
    let left = 1;
    let used = 0;
    for (let i = 1; i < 16; i++) {
      left = 2 * left - this.count[i];
      used += this.count[i];
      if (left < 0) throw new InflateError("more codes than there can be");
    }
    const alone = single && (used === 0 || (used === 1 && this.count[1] === 1));
    if (left > 0 && !alone) throw new InflateError("codes are missing");
  }

  /** length << 9 | symbol by the next FAST bits, 0 where the code is longer. */
  _table() {
    const table = new Uint16Array(1 << FAST);
    let code = 0;
    let at = 0;
    for (let length = 1; length <= FAST; length++) {
      for (let i = 0; i < this.count[length]; i++, code++) {
        let reversed = 0;
        for (let bit = 0; bit < length; bit++) reversed |= ((code >> bit) & 1) << (length - 1 - bit);
        const entry = (length << 9) | this.symbols[at++];
        for (let j = reversed; j < table.length; j += 1 << length) table[j] = entry;
      }
      code <<= 1;
    }
    return table;
  }
}

const FIXED_LITERALS = new Code(
  Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8)),
  false,
);
const FIXED_DISTANCES = new Code(new Array(32).fill(5), false);

/** Give it chunks with `push`, then `end`; each returns what came out. */
export class Inflater {
  constructor() {
    this._input = new Uint8Array(0);
    this._at = 0;
    this._last = false;
    this._bits = 0;
    this._held = 0;
    this._out = new Uint8Array(WINDOW + SPACE);
    this._filled = WINDOW; // where the next byte goes
    this._start = WINDOW; // where what was not given out begins
    this._total = 0;
    this._final = false;
    this._left = 0; // bytes of a stored block
    /** @type {"header" | "stored" | "codes" | "done"} */
    this._state = "header";
    this._literals = FIXED_LITERALS;
    this._distances = FIXED_DISTANCES;
  }

  /** True when the stream ended exactly where the input did. */
  get isWhole() {
    return this._state === "done" && this._at === this._input.length && this._held < 8;
  }

  /**
   * @param {Uint8Array} chunk
   * @param {boolean} last whether nothing follows
   * @returns {Generator<Uint8Array>}
   */
  *push(chunk, last) {
    const rest = this._input.subarray(this._at);
    this._input = new Uint8Array(rest.length + chunk.length);
    this._input.set(rest);
    this._input.set(chunk, rest.length);
    this._at = 0;
    this._last = last;
    while (this._step()) if (this._filled - this._start >= SPACE - 600) yield this._flush();
    if (this._filled > this._start) yield this._flush();
  }

  /** Give out what is new, and keep the window before it. */
  _flush() {
    const made = this._out.slice(this._start, this._filled);
    this._out.copyWithin(0, this._filled - WINDOW, this._filled);
    this._filled = this._start = WINDOW;
    return made;
  }

  /** Go on as far as input and space allow; false when there is nothing to do. */
  _step() {
    if (this._state === "done") return false;
    if (!this._last && this._input.length - this._at < ENOUGH) return false;
    if (this._state === "header") this._header();
    else if (this._state === "stored") return this._stored();
    else this._codes();
    return true;
  }

  /** @param {number} count of bits, at most 16 */
  _take(count) {
    while (this._held < count) {
      if (this._at >= this._input.length) throw new InflateError("cut short");
      this._bits |= this._input[this._at++] << this._held;
      this._held += 8;
    }
    const value = this._bits & ((1 << count) - 1);
    this._bits >>>= count;
    this._held -= count;
    return value;
  }

  _header() {
    if (this._final) {
      this._state = "done";
      return;
    }
    this._final = this._take(1) === 1;
    const type = this._take(2);
    if (type === 0) this._startStored();
    else if (type === 1) [this._literals, this._distances] = [FIXED_LITERALS, FIXED_DISTANCES];
    else if (type === 2) this._readCodes();
    else throw new InflateError("a block of unknown type");
    if (type !== 0) this._state = "codes";
  }

  _startStored() {
    this._take(this._held % 8);
    const [length, inverse] = [this._take(16), this._take(16)];
    if (length !== (~inverse & 0xffff)) throw new InflateError("a stored block disagrees");
    this._left = length;
    this._state = "stored";
  }

  _stored() {
    while (this._left > 0 && this._held >= 8) {
      this._put(this._take(8));
      this._left -= 1;
    }
    const room = this._out.length - this._filled;
    const count = Math.min(this._left, this._input.length - this._at, room);
    this._out.set(this._input.subarray(this._at, this._at + count), this._filled);
    this._at += count;
    this._filled += count;
    this._total += count;
    this._left -= count;
    if (this._left === 0) this._state = "header";
    else if (this._last && this._at === this._input.length) throw new InflateError("cut short");
    return count > 0 || this._left === 0;
  }

  /** @param {number} byte */
  _put(byte) {
    this._out[this._filled++] = byte;
    this._total += 1;
  }

  _readCodes() {
    const [literals, distances, lengths] = [this._take(5) + 257, this._take(5) + 1, this._take(4) + 4];
    if (literals > 286 || distances > 30) throw new InflateError("too many codes");
    const short = new Array(19).fill(0);
    for (let i = 0; i < lengths; i++) short[ORDER[i]] = this._take(3);
    const code = new Code(short, false);
    const all = /** @type {number[]} */ ([]);
    while (all.length < literals + distances) {
      const symbol = this._decode(code);
      if (symbol < 16) {
        all.push(symbol);
        continue;
      }
      if (symbol === 16 && all.length === 0) throw new InflateError("nothing to repeat");
      const value = symbol === 16 ? all[all.length - 1] : 0;
      const bits = symbol === 16 ? 2 : symbol === 17 ? 3 : 7;
      const count = (symbol === 18 ? 11 : 3) + this._take(bits);
      for (let i = 0; i < count; i++) all.push(value);
    }
    if (all.length > literals + distances) throw new InflateError("too many lengths");
    if (all[256] === 0) throw new InflateError("a block that cannot end");
    this._literals = new Code(all.slice(0, literals), false);
    this._distances = new Code(all.slice(literals), true);
  }

  /** @param {Code} code */
  _decode(code) {
    while (this._held < 15 && this._at < this._input.length) {
      this._bits |= this._input[this._at++] << this._held;
      this._held += 8;
    }
    const entry = code.fast[this._bits & ((1 << FAST) - 1)];
    if (entry !== 0 && entry >> 9 <= this._held) {
      this._bits >>>= entry >> 9;
      this._held -= entry >> 9;
      return entry & 511;
    }
    return this._decodeLong(code);
  }

  /** Bit by bit (RFC 1951 §3.2.2). @param {Code} code */
  _decodeLong(code) {
    let [value, first, index] = [0, 0, 0];
    for (let length = 1; length < 16; length++) {
      value |= this._take(1);
      const count = code.count[length];
      if (value - count < first) return code.symbols[index + (value - first)];
      index += count;
      first = (first + count) << 1;
      value <<= 1;
    }
    throw new InflateError("a code that stands for nothing");
  }

  _codes() {
    while (this._filled - this._start < SPACE - 600) {
      if (!this._last && this._input.length - this._at < 16) return;
      const symbol = this._decode(this._literals);
      if (symbol < 256) {
        this._put(symbol);
      } else if (symbol === 256) {
        this._state = "header";
        return;
      } else {
        this._copy(symbol - 257);
      }
    }
  }

  /** @param {number} which length code */
  _copy(which) {
    if (which >= LENGTH_BASE.length) throw new InflateError("a length that cannot be");
    const length = LENGTH_BASE[which] + this._take(LENGTH_BITS[which]);
    const code = this._decode(this._distances);
    if (code >= DISTANCE_BASE.length) throw new InflateError("a distance that cannot be");
    const distance = DISTANCE_BASE[code] + this._take(DISTANCE_BITS[code]);
    if (distance > this._total) throw new InflateError("a distance beyond the beginning");
    for (let i = 0; i < length; i++) this._out[this._filled] = this._out[this._filled++ - distance];
    this._total += length;
  }
}
