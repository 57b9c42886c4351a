import { useCallback, useMemo } from "react";
import { useLocation, useSearch } from "wouter";

export type Filters = Readonly<Record<string, string>>;

/** The known filters of an address; everything else in it is left alone. */
export function readFilters(search: string, names: readonly string[]): Filters {
  const params = new URLSearchParams(search);
  const found: Record<string, string> = {};
  for (const name of names) {
    const value = params.get(name);
    if (value !== null && value !== "") found[name] = value;
  }
  return found;
}

/** The search part after a change; a change of any filter goes back to the first page. */
export function changeSearch(search: string, change: Record<string, string | undefined>): string {
  const params = new URLSearchParams(search);
  if (!("cursor" in change)) params.delete("cursor");
  for (const [name, value] of Object.entries(change)) {
    if (value === undefined || value === "") params.delete(name);
    else params.set(name, value);
  }
  const text = params.toString();
  return text === "" ? "" : `?${text}`;
}

type SetFilters = (change: Record<string, string | undefined>, options?: { push?: boolean }) => void;

/** The filters of a list live in the address, so that it can be sent to somebody. */
export function useFilters(names: readonly string[]): [Filters, SetFilters] {
  const search = useSearch();
  const [path, navigate] = useLocation();
  const key = names.join(" ");
  const filters = useMemo(() => readFilters(search, key.split(" ")), [search, key]);
  const setFilters = useCallback<SetFilters>(
    (change, { push = false } = {}) => {
      navigate(path + changeSearch(search, change), { replace: !push });
    },
    [path, search, navigate],
  );
  return [filters, setFilters];
}
