import { useCallback, useMemo, useState } from "react";

export interface Selection {
  ids: ReadonlySet<string>;
  toggle: (id: string) => void;
  /** Selects all that are shown, or none if all are. */
  toggleAll: () => void;
  clear: () => void;
  isAll: boolean;
}

/** Selected rows; what is no longer shown is no longer selected. */
export function useSelection(shown: readonly string[]): Selection {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const key = shown.join(" ");
  const ids = useMemo(
    () => new Set(key.split(" ").filter((id) => id !== "" && chosen.has(id))),
    [key, chosen],
  );
  const isAll = shown.length > 0 && ids.size === shown.length;
  const toggle = useCallback((id: string) => {
    setChosen((old) => {
      const next = new Set(old);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  }, []);
  const clear = useCallback(() => setChosen(new Set()), []);
  const toggleAll = useCallback(
    () => setChosen(isAll ? new Set() : new Set(key.split(" "))),
    [isAll, key],
  );
  return { ids, toggle, toggleAll, clear, isAll };
}

export interface Outcome {
  done: number;
  failed: { id: string; error: unknown }[];
}

/** Does one thing to many, a few at a time; one failure does not stop the others. */
export async function forEach(ids: readonly string[], act: (id: string) => Promise<unknown>): Promise<Outcome> {
  const AT_ONCE = 6;
  const outcome: Outcome = { done: 0, failed: [] };
  const queue = [...ids];
  const work = async (): Promise<void> => {
    for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
      try {
        await act(id);
        outcome.done += 1;
      } catch (error) {
        outcome.failed.push({ id, error });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return outcome;
}
