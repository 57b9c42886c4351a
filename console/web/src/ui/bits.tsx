import { type ReactNode, useState } from "react";
import { useT } from "../i18n";
import { prettyJson } from "../lib/json";
import { Button } from "./Button";

/** A text to be copied by one click. */
export function Copyable({ text, block = false }: { text: string; block?: boolean }): ReactNode {
  const t = useT();
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      setTimeout(() => setCopied(false), 1500);
    } catch {
      setCopied(false);
    }
  };
  return (
    <span className={block ? "copyable block" : "copyable"}>
      <code>{text}</code>
      <Button
        kind="quiet"
        small
        icon={copied ? "check" : "copy"}
        title={copied ? t("action.copied") : t("action.copy")}
        aria-label={copied ? t("action.copied") : t("action.copy")}
        onClick={() => void copy()}
      />
    </span>
  );
}

export function Spinner(): ReactNode {
  const t = useT();
  return (
    <div className="loading" role="status">
      <span className="spinner" />
      <span>{t("state.loading")}</span>
    </div>
  );
}

interface EmptyProps {
  title: string;
  children?: ReactNode;
}

export function Empty({ title, children }: EmptyProps): ReactNode {
  return (
    <div className="empty" data-testid="empty">
      <h3>{title}</h3>
      {children}
    </div>
  );
}

interface TabsProps {
  tabs: { key: string; text: string; testId?: string }[];
  current: string;
  onSelect: (key: string) => void;
}

export function Tabs({ tabs, current, onSelect }: TabsProps): ReactNode {
  return (
    <div className="tabs" role="tablist">
      {tabs.map((tab) => (
        <button
          key={tab.key}
          type="button"
          role="tab"
          aria-selected={tab.key === current}
          data-testid={tab.testId}
          onClick={() => onSelect(tab.key)}
        >
          {tab.text}
        </button>
      ))}
    </div>
  );
}

interface MeterProps {
  part: number;
  text: string;
  title?: string;
}

/** A filled line with its number; the fill turns when it gets tight. */
export function Meter({ part, text, title }: MeterProps): ReactNode {
  const level = part >= 0.9 ? "bad" : part >= 0.75 ? "warn" : "good";
  return (
    <span className="meter" title={title}>
      <span className={`meter-fill tone-${level}`} style={{ width: `${Math.round(part * 100)}%` }} />
      <span className="meter-text num">{text}</span>
    </span>
  );
}

interface PairsProps {
  facts: readonly { name: string; value: ReactNode }[];
  oneColumn?: boolean;
}

/** What is known of a thing, in pairs of name and value. */
export function Pairs({ facts, oneColumn = false }: PairsProps): ReactNode {
  return (
    <dl className={oneColumn ? "facts one" : "facts"}>
      {facts.map(({ name, value }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Tags({ tags }: { tags: readonly string[] }): ReactNode {
  return tags.map((tag) => (
    <span key={tag} className="tag">
      {tag}
    </span>
  ));
}

/** JSON as text, indented. */
export function Json({ value }: { value: unknown }): ReactNode {
  return <pre className="json">{JSON.stringify(value, null, 2)}</pre>;
}

/** A text that may be JSON, shown as such when it is. */
export function MaybeJson({ text }: { text: string }): ReactNode {
  return <pre className="json">{prettyJson(text)}</pre>;
}

interface PagerProps {
  hasNext: boolean;
  isFirst: boolean;
  total?: number | null | undefined;
  shown: number;
  onFirst: () => void;
  onNext: () => void;
}

export function Pager({ hasNext, isFirst, total, shown, onFirst, onNext }: PagerProps): ReactNode {
  const t = useT();
  return (
    <div className="pager" data-testid="pager">
      <span className="dim">
        {total === null || total === undefined
          ? t("list.shown", { count: shown })
          : t("list.shownOf", { count: shown, total })}
      </span>
      {!isFirst && (
        <Button small onClick={onFirst} data-testid="pager-first">
          {t("list.first")}
        </Button>
      )}
      {hasNext && (
        <Button small onClick={onNext} data-testid="pager-next">
          {t("list.next")}
        </Button>
      )}
    </div>
  );
}
