/** Which file belongs to which receipt: by the reader's choice, else by name, else not at all. */

const RECEIPT_WORDS = /(^receipt[-_. ]+)|([-_. ]+receipt$)|(\.txt$)/gi;

function stem(name) {
  return name.toLowerCase().replace(/\.[a-z0-9]{1,5}$/, "");
}

/** The name of a receipt without what says that it is one: "a.jpg.receipt.txt" gives "a.jpg". */
function nameless(name) {
  let left = name.toLowerCase();
  for (let before = ""; before !== left; ) {
    before = left;
    left = left.replace(RECEIPT_WORDS, "");
  }
  return left;
}

function fits(receipt, other) {
  const name = other.name.toLowerCase();
  const item = receipt.item?.toLowerCase() ?? null;
  if (item !== null && name.startsWith(item) && !/^[a-z0-9]/.test(name.slice(item.length))) {
    return true;
  }
  const bare = nameless(receipt.name);
  return bare !== "" && (name === bare || stem(name) === bare || stem(name) === stem(bare));
}

/**
 * The file of each receipt, as a Map from its id to the file or null. `chosen` (by receipt id)
 * outranks names; "" there means that the reader wants none. Two files that fit leave it open.
 */
export function pair(receipts, others, chosen) {
  const pairs = new Map();
  for (const receipt of receipts) {
    const choice = chosen.get(receipt.id);
    const named = others.filter((other) => fits(receipt, other));
    // A lone ZIP or encrypted file beside a receipt is rather a bundle: a name must speak for it.
    const plain = others.filter((other) => ["other", "empty"].includes(other.kind));
    if (choice !== undefined) {
      pairs.set(receipt.id, others.find((other) => other.id === choice) ?? null);
    } else if (receipts.length === 1 && plain.length === 1 && named.length === 0) {
      pairs.set(receipt.id, plain[0]);
    } else {
      pairs.set(receipt.id, named.length === 1 ? named[0] : null);
    }
  }
  return pairs;
}
