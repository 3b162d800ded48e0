// The budget of each route: initial script in brotli bytes, and the size of the whole export. Over it, the build fails.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";

const SCRIPT_BUDGET = 160_000;
const EXPORT_BUDGET = 6_000_000;
const out = path.resolve("out");
const files = readdirSync(out, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));

let failed = false;
for (const page of files.filter((name) => name.endsWith("index.html"))) {
  const scripts = [...readFileSync(page, "utf8").matchAll(/<script([^>]*)\ssrc="([^"]+)"([^>]*)>/g)].filter((match) => !/nomodule/i.test(match[0]));
  const total = [...new Set(scripts.map((match) => match[2]))].reduce((sum, address) => {
    const file = path.join(out, decodeURIComponent(address));
    return sum + statSync(existsSync(`${file}.br`) ? `${file}.br` : file).size;
  }, 0);
  failed ||= total > SCRIPT_BUDGET;
  console.log(`${path.relative(out, path.dirname(page)) || "/"}: ${(total / 1000).toFixed(0)} kB of script (budget ${SCRIPT_BUDGET / 1000} kB)`);
}
const whole = files.reduce((sum, file) => sum + statSync(file).size, 0);
failed ||= whole > EXPORT_BUDGET;
console.log(`whole export: ${(whole / 1e6).toFixed(1)} MB (budget ${EXPORT_BUDGET / 1e6} MB)`);
process.exit(failed ? 1 : 0);
