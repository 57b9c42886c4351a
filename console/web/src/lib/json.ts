const TOKENS = /"(?:\\.|[^"\\])*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const LONG = /\d{16,}/;

/** Puts whole numbers that JavaScript would round into quotes. */
export function quoteLongNumbers(text: string): string {
  if (!LONG.test(text)) return text;
  return text.replace(TOKENS, (token) => {
    if (token.startsWith('"') || !/^-?\d{16,}$/.test(token)) return token;
    return Number.isSafeInteger(Number(token)) ? token : `"${token}"`;
  });
}

/** JSON whose 64-bit numbers come out as text with all their digits. */
export function parseJson(text: string): unknown {
  return JSON.parse(quoteLongNumbers(text)) as unknown;
}

/** Indented, or as it is when it is not JSON or when parsing would change it. */
export function prettyJson(text: string): string {
  if (!/^\s*[[{]/.test(text) || LONG.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
