// After the build: a .gz beside every file that gets smaller by it, and a sign for cargo.
import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const COMPRESSIBLE = /\.(?:js|css|html|svg|json|txt|map)$/;
const SMALLEST = 300;

function* files(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* files(path);
    else yield path;
  }
}

const root = process.argv[2] ?? "dist";
let plain = 0;
let packed = 0;
for (const path of files(root)) {
  if (!COMPRESSIBLE.test(path)) continue;
  const bytes = readFileSync(path);
  const gzip = gzipSync(bytes, { level: 9 });
  plain += bytes.length;
  packed += Math.min(bytes.length, gzip.length);
  if (bytes.length >= SMALLEST && gzip.length < bytes.length) writeFileSync(`${path}.gz`, gzip);
}
// console/build.rs watches this file while there is no dist folder.
const now = new Date();
utimesSync(join(root, "..", "package.json"), now, now);
console.log(`${root}: ${plain} bytes, ${packed} compressed`);
