/** Making elements. Text goes in as text nodes only; there is no way to pass markup. */

/**
 * An element. `attributes`: strings, `true` for an empty one, null or false to leave it out;
 * functions are listeners ("onclick"). `children`: nodes, strings, or arrays of them.
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null));
  return made;
}

/** Parts of a sentence as nodes: each value stands apart, so that its direction can't spread. */
export function nodes(parts) {
  return parts.map((part) => (typeof part === "string" ? part : value(part.value)));
}

/** A value from evidence, already escaped. */
export function value(text) {
  return element("bdi", { class: "value" }, text);
}

/** Replaces what an element holds. */
export function show(target, ...children) {
  target.replaceChildren(...children.flat(Infinity).filter((child) => child !== null));
}
