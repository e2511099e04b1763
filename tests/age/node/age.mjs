// A second implementation of age, called by test_interchange.py.
//   node age.mjs recipient|encrypt|decrypt|encrypt-passphrase|decrypt-passphrase KEY < in > out

import { readFileSync, writeSync } from "node:fs";
import { Decrypter, Encrypter, identityToRecipient } from "age-encryption";

const [action, key] = process.argv.slice(2);
const input = new Uint8Array(readFileSync(0));
const encrypter = new Encrypter();
const decrypter = new Decrypter();

const actions = {
  recipient: async () => new TextEncoder().encode(await identityToRecipient(key)),
  encrypt: () => (encrypter.addRecipient(key), encrypter.encrypt(input)),
  decrypt: () => (decrypter.addIdentity(key), decrypter.decrypt(input)),
  "encrypt-passphrase": () => {
    encrypter.setPassphrase(key);
    encrypter.setScryptWorkFactor(10);
    return encrypter.encrypt(input);
  },
  "decrypt-passphrase": () => (decrypter.addPassphrase(key), decrypter.decrypt(input)),
};

const output = await actions[action]();
for (let at = 0; at < output.length; ) at += writeSync(1, output, at);
