// @vitest-environment node
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { KNOWN_WORDS } from ".";
import { en } from "./en";
import { fill } from "./translate";
import { zh } from "./zh";

const SOURCE = join(import.meta.dirname, "..");

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "test" ? [] : sources(path);
    return /\.tsx?$/.test(entry.name) && !/\.test\.|schema\.ts$/.test(entry.name) ? [path] : [];
  });
}

function names(text: string): string[] {
  return [...new Set([...text.matchAll(/\{(\w+)/g)].map((match) => match[1] ?? ""))].toSorted();
}

describe("dictionaries", () => {
  it("have the same keys", () => {
    expect(Object.keys(zh).toSorted()).toEqual(Object.keys(en).toSorted());
  });

  it("fill the same places", () => {
    for (const key of Object.keys(en) as (keyof typeof en)[]) {
      expect(names(zh[key]), key).toEqual(names(en[key]));
      expect(zh[key].trim(), key).not.toBe("");
    }
  });

  it("have a word for every value of the API that is shown as a word", () => {
    for (const word of KNOWN_WORDS) expect(en, word).toHaveProperty([word]);
  });

  it("have a word for every problem that the server can name", () => {
    const page = readFileSync(join(SOURCE, "../../../docs/errors.md"), "utf8");
    const codes = [...page.matchAll(/^\| `([a-z-]+)` \| \d{3} \|/gm)].map((match) => match[1] ?? "");
    expect(codes.length).toBeGreaterThan(30);
    expect(KNOWN_WORDS).toEqual(expect.arrayContaining(codes.map((code) => `problem.${code}`)));
  });

  it("hold nothing that no component uses", () => {
    const all = sources(SOURCE).filter((path) => !/i18n\/(?:en|zh)\//.test(path));
    const code = all.map((path) => readFileSync(path, "utf8")).join("\n");
    // `step.${name}` stands for every key of that form
    const templates = [...code.matchAll(/`([\w.]*\$\{[^}`]*\}[\w.]*)`/g)].map((match) => {
      const parts = (match[1] ?? "").split(/\$\{[^}]*\}/).map((part) => part.replaceAll(".", "\\."));
      return new RegExp(`^${parts.join("[\\w.-]+")}$`);
    });
    const broad = templates.filter((template) => !template.test("x.y"));
    const unused = Object.keys(en).filter((key) => {
      if (code.includes(`"${key}"`) || KNOWN_WORDS.includes(key)) return false;
      return !broad.some((template) => template.test(key));
    });
    expect(unused).toEqual([]);
  });
});

describe("components", () => {
  const components = sources(SOURCE).filter((path) => path.endsWith(".tsx"));
  /** Names that are the same in every language. */
  const NAMES = /^(?:PowerJob|Ctrl K|p50|p99|[\W\d_]*)$/;

  it("hold no text of their own", () => {
    for (const path of components) {
      const code = readFileSync(path, "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
      const texts = [...code.matchAll(/<[a-zA-Z][^<>]*[^=]>([^<>{}]*)<\//g)].map((match) => match[1]);
      const attributes = [
        ...code.matchAll(/(?:title|placeholder|aria-label|alt|label)="([^"]*)"/g),
      ].map((match) => match[1]);
      for (const text of [...texts, ...attributes]) {
        expect(text?.trim() ?? "", path).toMatch(NAMES);
      }
    }
  });

  it("hold no Chinese", () => {
    const allowed = /i18n\/zh\/|scheduleWords\.ts$/;
    for (const path of sources(SOURCE).filter((source) => !allowed.test(source))) {
      const code = readFileSync(path, "utf8").replaceAll('"中文"', "").replaceAll('"中"', "");
      expect(code.match(/\p{Script=Han}+/u)?.[0], path).toBeUndefined();
    }
  });
});

describe("fill", () => {
  it("puts values in and chooses the form of one and many", () => {
    expect(fill("{n} {n:run|runs} of {name}", { n: 1, name: "a" })).toBe("1 run of a");
    expect(fill("{n} {n:run|runs}", { n: 2 })).toBe("2 runs");
    expect(fill("{unknown} stays", {})).toBe("{unknown} stays");
  });
});
