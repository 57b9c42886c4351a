import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compareIds, isId } from "./ids";
import { parseJson, prettyJson, quoteLongNumbers } from "./json";

const ID = "604919300096000323";

describe("ids", () => {
  it("keep all their digits, also where they come as numbers", () => {
    expect(String(Number(ID))).not.toBe(ID);
    expect(parseJson(`{"id":${ID},"list":[${ID},-${ID}],"text":"${ID}"}`)).toEqual({
      id: ID,
      list: [ID, `-${ID}`],
      text: ID,
    });
  });

  it("leave other numbers and texts alone", () => {
    const text = `{"a":1.5,"b":1763700000000,"c":"1763700000000123456 \\" 99999999999999999","d":1e30}`;
    expect(quoteLongNumbers(text)).toBe(text);
    expect(parseJson('{"n":1234567890123456}')).toEqual({ n: 1_234_567_890_123_456 });
  });

  it("order by value without becoming numbers", () => {
    expect(["9", ID, "604919300096000322", "10"].toSorted(compareIds)).toEqual(["9", "10", "604919300096000322", ID]);
  });

  it("are whole numbers of at most 19 digits", () => {
    expect(isId(ID)).toBe(true);
    for (const text of ["", "new", "1.5", "-1", "12345678901234567890"]) expect(isId(text)).toBe(false);
  });

  it("are not changed by indenting what a person wrote", () => {
    const params = `{"id":${ID}}`;
    expect(prettyJson(params)).toBe(params);
    expect(prettyJson('{"a":1}')).toBe('{\n  "a": 1\n}');
  });

  it("are declared as text by the API", () => {
    const document = JSON.parse(readFileSync("openapi.json", "utf8")) as {
      components: { schemas: { Id: { type: string } } };
    };
    expect(document.components.schemas.Id.type).toBe("string");
  });
});
