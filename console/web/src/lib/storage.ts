/** Remembered choices. A browser without storage forgets them, and nothing else happens. */
const PREFIX = "pj.";

export function recall(name: string): string | undefined {
  try {
    return localStorage.getItem(PREFIX + name) ?? undefined;
  } catch {
    return undefined;
  }
}

export function remember(name: string, value: string | undefined): void {
  try {
    if (value === undefined) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
  } catch {
    // private mode or full
  }
}

export function recallList(name: string): string[] {
  try {
    const parsed: unknown = JSON.parse(recall(name) ?? "[]");
    return Array.isArray(parsed) ? parsed.filter((entry) => typeof entry === "string") : [];
  } catch {
    return [];
  }
}

/** Puts a value in front of a list without doubles. */
export function rememberInList(name: string, value: string, most: number): void {
  const others = recallList(name).filter((entry) => entry !== value);
  remember(name, JSON.stringify([value, ...others].slice(0, most)));
}
