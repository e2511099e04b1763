/**
 * Making foreign text safe to show; the rules are those of core/text.py.
 *
 * What comes from evidence enters the page through `escapeForDisplay` and as a text node, never as
 * markup.
 */
const SHORT = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

// Characters that act on the screen or hide what is there, instead of being read. With the flag u
// the surrogates match only where they stand alone. ZWNJ and ZWJ stay: scripts and emoji need them.
const UNSAFE = new RegExp(
  "[" +
    "\\u0000-\\u001f\\u007f-\\u009f" + // C0, DEL and C1 controls
    "\\u061c\\u200b\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069" + // zero-width space, bidi marks
    "\\u2028\\u2029" + // line and paragraph separator
    "\\u2060-\\u2065\\u206a-\\u206f\\ufeff\\u180e" + // other invisible format characters
    "\\ufff9-\\ufffb" + // interlinear annotation
    "\\ud800-\\udfff" + // lone surrogates
    "\\u{e0000}-\\u{e0fff}" + // tag characters and other invisible plane-14 code points
    "]",
  "gu",
);

function escapeOne(char) {
  if (SHORT[char] !== undefined) return SHORT[char];
  const code = char.codePointAt(0);
  const hex = code.toString(16);
  if (code < 0x100) return `\\x${hex.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

/** `text` with what could act on a screen written as \n, \x1b, \u202e. */
export function escapeForDisplay(text) {
  return String(text).replace(UNSAFE, escapeOne);
}
