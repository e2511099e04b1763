
"use strict";
// Names and values come from evidence: they are only ever set as text. Nothing is fetched.
(() => {
const PER_PAGE = 60;
const MOST_CHOICES = 1000;
// What a browser shows without running anything. No SVG, no documents.
const PICTURES = ["image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp", "image/avif"];
const VIDEOS = ["video/mp4", "video/quicktime", "video/webm", "video/ogg", "video/x-m4v", "video/3gpp", "video/x-matroska"];
const SOUNDS = ["audio/mpeg", "audio/mp4", "audio/ogg", "audio/x-wav", "audio/flac", "audio/aac"];
// What a browser keeps as a file or shows as letters. From a folder it heeds no `download`, so
// whatever it could take for a document (HTML, SVG, XML, PDF, what nobody knows) gets no link.
const SAVED = /\.(docx|xlsx|pptx|odt|ods|odp|zip|7z|txt|csv)$/;
const DOCUMENT = /^text\/|pdf|word|excel|powerpoint|officedocument|opendocument|rtf|message\//;

const find = (id) => document.getElementById(id);
const all = (selector) => [...document.querySelectorAll(selector)];
let data, items, byId;
const now = {lang: "en", view: "gallery", page: 0, words: "", kind: "", case: "", place: "", violation: "", state: "", gaps: ""};

// -- words ---------------------------------------------------------------------------------------

const words = () => data.words[now.lang];
const say = (code, fields = {}) =>
  (words().texts[code] ?? code).replace(/\{(\w+)\}/g, (whole, name) => fields[name] ?? whole);
const CLAIMED = ["occurred_at", "received_at", "source_times"];
const fieldName = (name, type) =>
  (["derived", "derivation-refused"].includes(type) && words().copies[name]) || words().fields[name] || name;
const label = (name, type) => CLAIMED.includes(name) ? say("G-CLAIMED", {name: fieldName(name, type)}) : fieldName(name, type);
const eventName = (type) => words().events[type] ?? type;
const clock = (time) => time.replace("T", " ").replace("Z", " UTC");

// The same key as the archive makes for search (format-gallery.md), without the reading of Zawgyi.
const ORDER = "\u103b\u103c\u103d\u103e\u1031\u102d\u102e\u1032\u102f\u1030\u102b\u102c\u1036\u103a\u1037\u1038";
const MARKS = /[\u102b-\u1032\u1036-\u1038\u103a-\u103e]{2,}/g;
const LETTERS = "[\\u1000-\\u103f\\u1050-\\u108f]";
const SOUNDS_MARK = "[\\u102b-\\u1032\\u1036-\\u1038\\u103a-\\u103e]";
const BASE = "\\u1000-\\u102a\\u103f\\u104e\\u1050-\\u1055\\u105a-\\u105d\\u1061\\u1065\\u1066\\u106e-\\u1070\\u1075-\\u1081";
const TYPED = [  // letters typed as digits, digits typed as letters, and a vowel typed first
  [`(?<=[0-9\\u1040-\\u1049])\\u101d+(?!${LETTERS})`, (run) => "0".repeat(run.length)],
  [`(?<![0-9\\u1040-\\u1049])\\u1040(?=${LETTERS})|(?<=${LETTERS})\\u1040(?![0-9\\u1040-\\u1049])`, () => "\u101d"],
  [`(?<![0-9\\u1040-\\u1049])\\u1047(?=${SOUNDS_MARK})`, () => "\u101b"],
].flatMap(([pattern, put]) => {
  try { return [[new RegExp(pattern, "g"), put]]; } catch { return []; }  // a browser without look-behind
});
let FIRST_E = null;
try {
  FIRST_E = new RegExp(`(?<![${BASE}\\u103a-\\u103e\\u1039])\\u1031([${BASE}](?:\\u1039[${BASE}])*)`, "g");
} catch { /* likewise */ }
function folded(text) {
  text = text.normalize("NFKC").toLowerCase().replace(/ß/g, "ss").normalize("NFKC");
  text = text.replace(/[\ufe00-\ufe0f]|(?!\s)[\p{Cf}\p{Cc}]/gu, "");
  for (const [pattern, put] of TYPED) text = text.replace(pattern, put);
  text = text.replace(/[\u1040-\u1049]/g, (digit) => String(digit.charCodeAt(0) - 0x1040));
  text = text.replace(/[\u1090-\u1099]/g, (digit) => String(digit.charCodeAt(0) - 0x1090));
  if (FIRST_E) text = text.replace(FIRST_E, "$1\u1031");
  text = text.replace(MARKS, (run) => [...new Set(run)].sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b)).join(""));
  text = text.replace(/\u102b/g, "\u102c").replace(/[\u1037\u1038]/g, "").replace(/\u2010/g, "-");
  text = text.replace(/\u1025(?=[\u103a\u102c])/g, "\u1009").replace(/\u1025\u102e/g, "\u1026");
  return text.normalize("NFC").replace(/[\s_]+/g, " ").trim();
}

// -- building ------------------------------------------------------------------------------------

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

function list(rows) {
  const found = make("dl");
  for (const [term, ...values] of rows) {
    if (values.length) found.append(make("dt", {}, term), ...values.map((value) => make("dd", {}, value)));
  }
  return found;
}

const code = (text) => make("code", {}, text);
// `./` so that nothing in a path can name a scheme.
const local = (path) => "./" + path.split("/").map(encodeURIComponent).join("/");
const kindOf = (item) => {
  const mime = item.mime ?? "";
  if (mime.startsWith("image/")) return "picture";
  if (mime.startsWith("video/")) return "video";
  if (mime.startsWith("audio/")) return "sound";
  return DOCUMENT.test(mime) ? "document" : "other";
};

// -- choosing ------------------------------------------------------------------------------------

function prepare() {
  items = data.items;
  byId = new Map(items.map((item) => [item.id, item]));
  for (const item of items) {
    item.kind = kindOf(item);
    const fields = item.key ?? folded(Object.values(item.fields ?? {}).flat().join("\n"));
    item.text = [item.id.toLowerCase(), item.mime ?? "", item.sha256 ?? "", item.sha512 ?? "", fields].join("\n");
  }
}

function fits(item, wanted) {
  if (now.kind && item.kind !== now.kind) return false;
  if (now.state && item.state !== now.state) return false;
  if (now.gaps && (now.gaps === "yes") !== Boolean(item.gaps)) return false;
  for (const name of ["case", "place", "violation"]) {
    if (now[name] === "none" ? item[name] : now[name] && !(item[name] ?? []).includes(now[name].slice(1))) return false;
  }
  return wanted.every((word) => item.text.includes(word));
}

function chosen() {
  const wanted = folded(now.words).split(" ").filter(Boolean);
  const found = items.filter((item) => fits(item, wanted));
  if (now.view === "claimed") found.sort((a, b) => compare(claimedKey(a), claimedKey(b)));
  if (now.view === "recorded") found.sort((a, b) => compare(a.recorded, b.recorded));
  return found;
}

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const claimedKey = (item) => ({told: "0" + item.happened.value, unknown: "1", withheld: "2"})[item.happened.state];

function group(item) {
  if (now.view === "recorded") return item.recorded.slice(0, 10);
  if (item.happened.state === "unknown") return say("G-UNKNOWN-DATE");
  if (item.happened.state === "withheld") return say("G-WITHHELD-DATE");
  return /^\d{4}(-\d\d)?/.exec(item.happened.value)?.[0] ?? item.happened.value;
}

function choices() {
  const none = ["none", say("G-NONE-REVEALED")];
  const fixed = (prefix, names) => names.map((name) => [name, say(prefix + name)]);
  offer("kind", fixed("G-K-", ["picture", "video", "sound", "document", "other"]));
  offer("state", fixed("G-S-", ["original", "copy", "none"]));
  offer("gaps", [["yes", say("G-HAS-GAP")], ["no", say("G-NO-GAP")]]);
  for (const name of ["case", "place", "violation"]) {
    const values = [...new Set(items.flatMap((item) => item[name] ?? []))].sort(compare);
    offer(name, [...values.slice(0, MOST_CHOICES).map((value) => ["=" + value, value.slice(0, 80)]), none]);
  }
}

function offer(id, options) {
  const made = [["", say("G-ANY")], ...options].map(([value, text]) => make("option", {value}, text));
  find(id).replaceChildren(...made);
  find(id).value = now[id];
}

// -- the list ------------------------------------------------------------------------------------

function showList() {
  const found = chosen();
  const pages = Math.max(1, Math.ceil(found.length / PER_PAGE));
  now.page = Math.min(now.page, pages - 1);
  const shown = found.slice(now.page * PER_PAGE, (now.page + 1) * PER_PAGE);
  find("found").textContent = say("G-FOUND", {found: found.length, all: items.length});
  find("view-note").textContent = now.view === "gallery" ? "" : say(`G-${now.view.toUpperCase()}-NOTE`);
  find("results").replaceChildren(...(now.view === "gallery" ? [grid(shown)] : grouped(shown)));
  if (!found.length) find("results").replaceChildren(make("p", {}, say("G-NOTHING-FOUND")));
  find("pager").hidden = pages === 1;
  find("page").textContent = say("G-PAGE", {page: now.page + 1, pages});
  find("previous").disabled = now.page === 0;
  find("next").disabled = now.page === pages - 1;
}

const grid = (shown) => make("ul", {class: "grid"}, ...shown.map(card));

function grouped(shown) {
  const made = [];
  let last;
  for (const item of shown) {
    const heading = group(item);
    if (heading !== last) made.push(make("h3", {}, heading), make("ul", {class: "rows"}));
    last = heading;
    made.at(-1).append(card(item));
  }
  return made;
}

function card(item) {
  const title = item.fields?.title?.join(" ");
  const caption = make("span", {class: "caption"}, make("span", {class: "name"}, item.id),
    title ? make("span", {class: "title"}, title.slice(0, 200)) : null,
    make("span", {class: "soft"}, `${say("G-K-" + item.kind)} · ${say("G-S-" + item.state)}`),
    now.view === "claimed" ? make("span", {class: "soft"}, `${say("G-HAPPENED")}: ${happened(item)}`) : null,
    now.view === "recorded" ? make("span", {class: "soft"}, `${say("G-RECORDED")}: ${clock(item.recorded)}`) : null,
    item.gaps ? make("span", {class: "gap"}, say("G-HAS-GAP")) : null);
  return make("li", {}, make("a", {href: "#" + item.id, id: "card-" + item.id}, thumb(item), caption));
}

function thumb(item) {
  if (item.why_none) return make("span", {class: "thumb"}, say("G-NO-THUMB-" + item.why_none));
  const image = make("img", {src: local(`thumbs/${item.id}.jpg`), loading: "lazy", alt: say("G-PREVIEW-OF", {item: item.id})});
  return make("span", {class: "thumb"}, image);
}

function happened(item) {
  const claim = item.happened;
  if (claim.state !== "told") return say(claim.state === "unknown" ? "G-UNKNOWN-DATE" : "G-WITHHELD-DATE");
  const parts = [claim.value];
  if (claim.precision) parts.push(say("G-PRECISION", {precision: say("G-P-" + claim.precision)}));
  if (claim.basis) parts.push(say("G-BASIS", {basis: claim.basis}));
  return `${parts.join(", ")} (${say("G-NOT-CHECKED")})`;
}

// -- one item ------------------------------------------------------------------------------------

function showItem(item) {
  const heading = make("h2", {tabindex: "-1", id: "heading"}, item.id);
  find("item").replaceChildren(
    make("p", {}, make("a", {href: "#", id: "back"}, say("G-BACK"))), heading,
    ...(item.gaps ?? []).map((gap) => make("p", {class: "warning gap"}, say("G-GAP-" + gap))),
    viewer(item), file(item), ...description(item), ...history(item), ...papers(item));
}

function viewer(item) {
  const path = item.path && local(item.path);
  const poster = item.why_none ? {} : {poster: local(`thumbs/${item.id}.jpg`)};
  let shown = null;
  if (path && PICTURES.includes(item.mime)) shown = make("img", {src: path, alt: say("G-FILE") + " " + item.id});
  if (path && VIDEOS.includes(item.mime)) shown = make("video", {src: path, controls: "", preload: "none", ...poster});
  if (path && SOUNDS.includes(item.mime)) shown = make("audio", {src: path, controls: "", preload: "none"});
  const box = make("div", {class: "viewer"}, shown ?? thumb(item));
  shown?.addEventListener("error", () => box.replaceChildren(thumb(item), make("p", {class: "note"}, say("G-NOT-PLAYED"))));
  if (path && !shown) {
    const saved = SAVED.test(item.path);
    box.append(saved ? make("a", {href: path, download: ""}, say("G-SAVE")) : make("p", {class: "note"}, say("G-NOT-OPENED")));
  }
  return box;
}

function file(item) {
  const rows = [[say("G-STATE"), say("G-S-" + item.state)]];
  if (item.why) rows.push([say("G-WHY-NONE"), item.why]);
  if (item.home) rows.push([say("G-HOME"), item.home]);
  if (item.path) rows.push([say("G-PATH"), code(item.path)]);
  if (item.mime) rows.push([say("G-TYPE"), item.mime]);
  if (item.size !== undefined) rows.push([say("G-SIZE"), say("G-BYTES", {count: item.size})]);
  if (item.sha256) rows.push([say("G-DIGESTS"), code("SHA-256 " + item.sha256), code("SHA-512 " + item.sha512)]);
  return list(rows);
}

function description(item) {
  const rows = [[say("G-HAPPENED"), happened(item)]];
  for (const [name, lines] of Object.entries(item.fields ?? {})) rows.push([label(name), ...lines]);
  if (item.held) rows.push([say("G-WITHHELD"), item.held.map((name) => fieldName(name)).join(", ")]);
  return [make("h3", {}, `${say("G-DESCRIPTION")} (${say("G-NOT-CHECKED")})`), list(rows),
    item.cut ? make("p", {class: "note"}, say("G-SHORTENED")) : null].filter(Boolean);
}

function history(item) {
  const events = [...(item.events ?? []), {...data.exported, n: item.seq}];
  return [make("h3", {}, say("G-HISTORY")), make("ol", {class: "events"}, ...events.map(eventRow))];
}

function eventRow(event) {
  const rows = [[say("G-RECORDED"), `${clock(event.at)}, ${say("G-CLOCK")}`]];
  if (event.void) rows.push([make("span", {class: "gap"}, say("G-VOID")), ""]);
  rows.push([say("G-PROVED"), ...(event.by ?? [say("G-NO-BRACKET")])]);
  rows.push([say("G-POSITION"), code(`${event.p}: ${event.leaf}`)], [say("G-KEY"), code(`${event.key}… (${event.role})`)]);
  for (const [name, lines] of Object.entries(event.shown ?? {})) rows.push([label(name, event.type), ...lines]);
  if (event.held) {
    const names = event.held.map((name) => fieldName(name, event.type)).join(", ");
    rows.push([say("G-COUNT-WITHHELD", {count: event.held.length}), names]);
  }
  return make("li", {}, make("p", {class: "what"}, `${event.n}. ${eventName(event.type)} (${event.type})`), list(rows));
}

function papers(item) {
  const links = [[item.receipt, say("G-RECEIPT")], [item.statement, say("G-STATEMENT")], ["custody.txt", say("G-CUSTODY")]];
  const made = links.filter(([path]) => path).map(([path, text]) => make("li", {}, make("a", {href: local(path)}, text), " ", code(path)));
  for (const [lang, path] of Object.entries(data.papers)) {
    made.push(make("li", {}, make("a", {href: local(path), download: ""}, say("G-REPORT", {lang})), " ", code(path)));
  }
  return [make("h3", {}, say("G-PROOFS")), make("ul", {}, ...made)];
}

// -- going round ---------------------------------------------------------------------------------

let from = null;
function route() {
  const item = byId.get(decodeURIComponent(location.hash.slice(1)));
  find("list").hidden = Boolean(item);
  find("item").hidden = !item;
  if (item) {
    from = item.id;
    showItem(item);
    scrollTo(0, 0);
    find("heading").focus({preventScroll: true});
  } else {
    find("item").replaceChildren();
    showList();
    if (from) find("card-" + from)?.focus();
    from = null;
  }
}

function speak(lang) {
  now.lang = lang;
  document.documentElement.lang = lang;
  for (const element of all("[data-t]")) element.textContent = say(element.dataset.t);
  for (const element of all("[data-t-label]")) element.setAttribute("aria-label", say(element.dataset.tLabel));
  for (const button of all("[data-lang]")) button.setAttribute("aria-pressed", button.dataset.lang === lang);
  document.title = `${say("G-TITLE")} · ${data.bundle.id.slice(0, 8)}`;
  find("unreviewed").hidden = words().reviewed;
  const bundle = data.bundle;
  find("about").replaceChildren(...list([
    [say("G-BUNDLE"), code(bundle.id)], [say("G-MADE"), clock(bundle.made_at)], [say("G-ORIGIN"), bundle.origin],
    [say("G-FINGERPRINT"), code(bundle.fingerprint), bundle.spoken], [say("G-COUNTS"), say("G-COUNTED", bundle.counts)],
  ]).childNodes);
  choices();
  route();
}

function look(view) {
  now.view = view;
  now.page = 0;
  for (const button of all("[data-view]")) button.setAttribute("aria-pressed", button.dataset.view === view);
  showList();
}

function turn(step) {
  now.page += step;
  showList();
  find("found").scrollIntoView();
}

function listen() {
  const again = () => { now.page = 0; showList(); };
  find("filters").addEventListener("submit", (event) => event.preventDefault());
  find("words").addEventListener("input", () => { now.words = find("words").value; again(); });
  for (const select of all("#filters select")) {
    select.addEventListener("change", () => { now[select.id] = select.value; again(); });
  }
  find("filters").addEventListener("reset", () => {
    for (const name of ["words", "kind", "case", "place", "violation", "state", "gaps"]) now[name] = "";
    setTimeout(() => { for (const select of all("#filters select")) select.value = ""; again(); });
  });
  for (const button of all("[data-view]")) button.addEventListener("click", () => look(button.dataset.view));
  for (const button of all("[data-lang]")) button.addEventListener("click", () => speak(button.dataset.lang));
  find("previous").addEventListener("click", () => turn(-1));
  find("next").addEventListener("click", () => turn(1));
  find("skip").addEventListener("click", (event) => { event.preventDefault(); find("main").focus(); });
  addEventListener("hashchange", route);
}

function start() {
  data = JSON.parse(find("data").textContent);
  prepare();
  listen();
  find("loading").remove();
  for (const button of all("[data-view]")) button.setAttribute("aria-pressed", button.dataset.view === now.view);
  speak(navigator.language.startsWith("my") ? "my" : "en");
}

requestAnimationFrame(() => setTimeout(start));  // the head is painted first
})();
