import type { FieldError, Reason } from "../api/types";
import { useI18n } from ".";
import { fill } from "./translate";

/** A reason of the server, or a wrong field of a form, which has no code when the form found it. */
export interface Wording {
  text: string;
  code?: string | undefined;
  params?: Record<string, string> | undefined;
  parts?: readonly Wording[] | undefined;
}

/** Finds the text of a key in the dictionary, for keys that are made while the program runs. */
export type Find = (key: string) => string | undefined;

/** A reason in the words of the dictionary; one with an unknown code in those of the server. */
export function wordReason(find: Find, reason: Wording): string {
  const words = find(`reason.${reason.code ?? ""}`);
  if (words === undefined) return reason.text;
  const params = { ...reason.params };
  if (params.part !== undefined) params.part = find(`part.${params.part}`) ?? params.part;
  const parts = (reason.parts ?? []).map((part) => wordReason(find, part)).join(find("part.join") ?? ", ");
  const text = fill(words, { ...params, parts });
  return parts === "" || words.includes("{parts}") ? text : text + (find("part.after") ?? "; ") + parts;
}

/** Words for reasons and for wrong fields, in the person's language. */
export function useReasons(): { word: (reason: Reason) => string; wordField: (error: FieldError) => string } {
  const { find } = useI18n();
  return {
    word: (reason) => wordReason(find, reason),
    wordField: (error) => wordReason(find, { ...error, text: error.reason }),
  };
}
