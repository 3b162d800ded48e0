// After the export: a hash for each inline script, so that the CSP needs no 'unsafe-inline', and compressed copies.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const out = path.resolve("out");
const files = readdirSync(out, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));

const hashes = {};
for (const file of files.filter((name) => name.endsWith(".html"))) {
  const scripts = [...readFileSync(file, "utf8").matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g)];
  hashes[path.relative(out, file)] = [...new Set(scripts.map(([, body]) => `sha256-${createHash("sha256").update(body).digest("base64")}`))];
}
writeFileSync(path.join(out, "csp.json"), JSON.stringify(hashes, null, 1));

for (const file of files.filter((name) => /\.(html|js|css|svg|txt|json)$/.test(name))) {
  const content = readFileSync(file);
  if (content.length < 512) continue;
  writeFileSync(`${file}.gz`, gzipSync(content, { level: 9 }));
  writeFileSync(`${file}.br`, brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
}
