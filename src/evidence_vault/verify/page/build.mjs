/**
 * Builds the verifier page: one HTML file that needs nothing else.
 *
 *     python messages.py | node build.mjs OUT [--core MODULE]
 *
 * The output depends on the inputs alone: the versions of package-lock.json, the files beside this
 * one, the messages on standard input. `--core` puts another module in the place of core/index.js;
 * tests of the page use it.
 *
 * There is one script. The page runs it, and makes its worker from the script's own text, so that
 * one SHA-256 in the policy covers all that can ever run.
 */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));

/** Answers the two imports that have no file of their own: the messages and the core. */
function inputs(messages, core) {
  return {
    name: "inputs",
    setup(on) {
      on.onResolve({ filter: /^#messages$/ }, () => ({ path: "messages", namespace: "given" }));
      on.onResolve({ filter: /^#core$/ }, () => ({ path: core }));
      on.onLoad({ filter: /.*/, namespace: "given" }, () => ({ contents: messages, loader: "json" }));
    },
  };
}

/** One script, readable: whoever wants to know what the page does can read it in the page. */
async function bundle(messages, core) {
  const result = await build({
    absWorkingDir: HERE,
    entryPoints: ["ui/main.js"],
    bundle: true,
    write: false,
    metafile: true,
    format: "iife",
    platform: "browser",
    target: ["chrome100", "firefox102", "safari15.4"],
    charset: "utf8",
    legalComments: "none",
    treeShaking: true,
    plugins: [inputs(messages, core)],
  });
  const script = result.outputFiles[0].text;
  // Either would end the script element early, or begin what hides its end.
  if (/<\/script|<!--/i.test(script)) throw new Error("the script holds </script or <!--");
  return { script, sources: Object.keys(result.metafile.inputs) };
}

/** The licences of the libraries that went in, as a comment at the end of the page. */
function licences(sources) {
  const names = sources
    .map((path) => /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1])
    .filter((name) => name !== undefined);
  return [...new Set(names)].sort().map((name) => {
    const folder = join(HERE, "node_modules", name);
    const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const text = readFileSync(join(folder, "LICENSE"), "utf8").trim();
    return `${about.name} ${about.version} (${about.license})\n\n${text.replaceAll("--", "- -")}`;
  });
}

function sha256(text) {
  return `'sha256-${createHash("sha256").update(text, "utf8").digest("base64")}'`;
}

/** Nothing may be loaded, sent or framed; only this script, its worker and this style may act. */
function policy(script, style) {
  return [
    "default-src 'none'",
    `script-src ${sha256(script)}`,
    `style-src ${sha256(style)}`,
    "worker-src blob:",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types verify-worker",
  ].join("; ");
}

/** Replaces each {{NAME}} once; a name that is missing or left over is an error. */
function fill(template, values) {
  const left = new Map(Object.entries(values));
  const text = template.replace(/\{\{([A-Z]+)\}\}/g, (_, name) => {
    const value = left.get(name);
    if (value === undefined) throw new Error(`page.html asks for ${name}`);
    left.delete(name);
    return value;
  });
  if (left.size > 0) throw new Error(`page.html does not use ${[...left.keys()].join(", ")}`);
  return text;
}

async function main(words) {
  const at = words.indexOf("--core");
  const core = at < 0 ? join(HERE, "core/index.js") : resolve(words.splice(at, 2)[1]);
  if (words.length !== 1) throw new Error("usage: node build.mjs OUT [--core MODULE] < MESSAGES");
  const { script, sources } = await bundle(readFileSync(0, "utf8"), core);
  const style = `\n${readFileSync(join(HERE, "style.css"), "utf8")}`;
  const body = `\n${script}`;
  const page = fill(readFileSync(join(HERE, "page.html"), "utf8"), {
    POLICY: policy(body, style),
    STYLE: style,
    SCRIPT: body,
    LICENCES: licences(sources).join("\n\n----\n\n"),
  });
  writeFileSync(words[0], page);
}

await main(process.argv.slice(2));
