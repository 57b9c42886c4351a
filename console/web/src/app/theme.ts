import { useSyncExternalStore } from "react";
import { recall, remember } from "../lib/storage";

export type Theme = "auto" | "light" | "dark";

const listeners = new Set<() => void>();

export function currentTheme(): Theme {
  const known = recall("theme");
  return known === "light" || known === "dark" ? known : "auto";
}

/** `public/theme.js` does the same before the first paint. */
export function setTheme(theme: Theme): void {
  remember("theme", theme === "auto" ? undefined : theme);
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  listeners.forEach((listener) => listener());
}

export function useTheme(): Theme {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, currentTheme);
}
