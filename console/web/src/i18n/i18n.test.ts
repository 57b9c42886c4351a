// @vitest-environment node
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { KNOWN_WORDS } from ".";
import { en } from "./en";
import { fill } from "./translate";
import { wordReason } from "./reason";
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

  it("word every reason of the server with the values it has", () => {
    const page = readFileSync(join(SOURCE, "../../../docs/reasons.md"), "utf8");
    const rows = [...page.matchAll(/^\| `([a-z-]+)` \| (.*) \|$/gm)];
    expect(rows.length).toBeGreaterThan(80);
    for (const dictionary of [en, zh] as Record<string, string>[]) {
      const coded = Object.keys(dictionary).filter((key) => key.startsWith("reason."));
      expect(coded.toSorted()).toEqual(rows.map(([, code]) => `reason.${code}`).toSorted());
      for (const [, code, words] of rows) {
        const known = names(words ?? "");
        for (const name of names(dictionary[`reason.${code}`] ?? "")) expect(known, code).toContain(name);
      }
    }
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

describe("reasons", () => {
  const chinese = (key: string): string | undefined => (zh as Record<string, string>)[key];

  it("are worded with the reasons inside", () => {
    const lacking = { text: "without the processor `x`", code: "worker-lacks-processor", params: { processor: "x" } };
    const counted = { text: "2 ...", code: "counted", params: { count: "2" }, parts: [lacking] };
    const known = { text: "2 known, ...", code: "workers-known", params: { known: "2" }, parts: [counted] };
    const waits = { text: "waits for a worker: ...", code: "waits-for-worker", parts: [known] };
    expect(wordReason(chinese, waits)).toBe("等待 Worker：已知 2 个 Worker，其中2 个没有处理器 x");
  });

  it("name the part of an expression", () => {
    const value = { text: "found '25'", code: "cron-value", params: { found: "'25'", least: "0", most: "23" } };
    const reason = { text: "hour: found '25'", code: "in-part", params: { part: "hour" }, parts: [value] };
    expect(wordReason(chinese, reason)).toBe("时：'25' 不在 0 到 23 之内");
  });

  it("put what has no place behind", () => {
    const offline = { text: "", code: "worker-offline" };
    const others = { text: "", code: "of-the-others", parts: [offline] };
    const reason = { text: "", code: "waits-for-room-of-one", parts: [others] };
    expect(wordReason(chinese, reason)).toBe("等待空位：唯一能运行它的 Worker 已满；其余：已由操作员下线");
  });

  it("of a newer server keep its words", () => {
    expect(wordReason(chinese, { text: "as it says", code: "from-the-future" })).toBe("as it says");
  });
});
