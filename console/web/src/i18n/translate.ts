export type Params = Record<string, string | number>;

/**
 * Fills a text: `{name}` by its value, `{n:run|runs}` by the first form for one, else the second.
 */
export function fill(text: string, params: Params): string {
  return text.replace(/\{(\w+)(?::([^|}]*)\|([^}]*))?\}/g, (whole, name: string, one, many) => {
    const value = params[name];
    if (value === undefined) return whole;
    if (one === undefined) return String(value);
    return String(Number(value) === 1 ? one : many);
  });
}
