import { type ReactNode, useState, useSyncExternalStore } from "react";
import { useT } from "../i18n";
import { recall, remember } from "../lib/storage";
import { Icon } from "./Icon";
import { Menu } from "./Menu";

export interface Column {
  key: string;
  text: string;
  /** Shown from this width of the window on, unless the person chose otherwise; 0 = always. */
  from: number;
}

export interface Columns {
  has: (key: string) => boolean;
  menu: ReactNode;
}

/** Width at which a column is shown only to those who want it. */
export const ON_DEMAND = Number.POSITIVE_INFINITY;

function subscribe(listener: () => void): () => void {
  window.addEventListener("resize", listener);
  return () => window.removeEventListener("resize", listener);
}

type Choices = Record<string, boolean>;

function readChoices(name: string): Choices {
  const entries = (recall(name) ?? "").split(" ").filter((entry) => entry !== "");
  return Object.fromEntries(entries.map((entry) => [entry.slice(1), entry.startsWith("+")]));
}

/** Which columns of a table are shown: what fits, and what the person chose; the choice is kept. */
export function useColumns(table: string, columns: readonly Column[]): Columns {
  const t = useT();
  const name = `columns.${table}`;
  const width = useSyncExternalStore(subscribe, () => window.innerWidth);
  const [choices, setChoices] = useState<Choices>(() => readChoices(name));
  const isShown = ({ key, from }: Column): boolean => choices[key] ?? width >= from;
  const choose = (next: Choices): void => {
    const entries = Object.entries(next).map(([key, isOn]) => (isOn ? "+" : "-") + key);
    remember(name, entries.length === 0 ? undefined : entries.join(" "));
    setChoices(next);
  };
  const shown = new Set(columns.filter(isShown).map(({ key }) => key));
  const menu = (
    <Menu
      label={t("list.columns")}
      className="icon-button"
      testId="columns"
      trigger={<Icon name="columns" />}
      items={[
        ...columns.map((column) => ({
          text: column.text,
          checked: shown.has(column.key),
          isSwitch: true,
          onSelect: () => choose({ ...choices, [column.key]: !shown.has(column.key) }),
          testId: `column-${column.key}`,
        })),
        { text: t("list.columns.reset"), isSwitch: true, onSelect: () => choose({}), testId: "columns-reset" },
      ]}
    />
  );
  return { has: (key) => shown.has(key), menu };
}
