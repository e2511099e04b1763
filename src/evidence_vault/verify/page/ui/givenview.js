/** The list of given files, as the reader sees and changes it. */
import { element, nodes, value } from "./dom.js";
import { escapeForDisplay, sentence, sentenceParts, sizeText } from "./text.js";

function kindText(lang, entry) {
  const fields = { count: entry.files?.length ?? 0 };
  return sentence(lang, `P-KIND-${entry.kind.toUpperCase()}`, fields);
}

function removeButton(lang, entry, on) {
  return element(
    "button",
    {
      type: "button",
      class: "small",
      "aria-label": sentence(lang, "P-REMOVE-NAMED", { name: entry.name }),
      onclick: () => on.remove(entry),
    },
    sentence(lang, "P-REMOVE"),
  );
}

function fileChoice(lang, given, receipt, on) {
  const id = `${receipt.id}-file`;
  const now = given.pairs().get(receipt.id);
  const options = [null, ...given.candidates].map((file) =>
    element(
      "option",
      { value: file?.id ?? "", selected: file?.id === now?.id },
      file === null ? sentence(lang, "P-FILE-NONE") : escapeForDisplay(file.name),
    ),
  );
  return element(
    "p",
    { class: "choice" },
    element("label", { for: id }, sentence(lang, "P-FILE-OF")),
    " ",
    element("select", { id, onchange: ({ target }) => on.choose(receipt, target.value) }, options),
  );
}

function expectInput(lang, entry, on) {
  const id = `${entry.id}-expect`;
  const input = element("input", {
    id,
    type: "text",
    size: "34",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    oninput: ({ target }) => on.expect(entry, target.value),
  });
  input.value = entry.expect;
  return element(
    "p",
    { class: "choice" },
    element("label", { for: id }, nodes(sentenceParts(lang, "P-EXPECT"))),
    " ",
    input,
  );
}

/** List items for all that was given. `on`: what to do for remove, choose and expect. */
export function givenItems(lang, given, on) {
  const taken = new Set([...given.pairs().values()].map((file) => file?.id));
  return given.entries.map((entry) =>
    element(
      "li",
      { class: `given given-${entry.kind}` },
      element("p", {}, value(escapeForDisplay(entry.name)), " ", removeButton(lang, entry, on)),
      element("p", { class: "about" }, `${kindText(lang, entry)}, ${sizeText(entry.size)}`),
      entry.kind === "receipt" && given.candidates.length > 0
        ? fileChoice(lang, given, entry, on)
        : null,
      ["zip", "folder"].includes(entry.kind) && !taken.has(entry.id)
        ? expectInput(lang, entry, on)
        : null,
    ),
  );
}
