import { type KeyboardEvent, type ReactNode, useId, useRef, useState } from "react";
import { Link, useLocation } from "wouter";
import { api } from "../api/endpoints";
import type { App } from "../api/types";
import { useResource } from "../data/useResource";
import { useT } from "../i18n";
import { byWorstFirst, healthOf } from "../lib/health";
import { Icon } from "../ui/Icon";
import { paths } from "./paths";

/** Which application one is in, and a way to any other: type, arrow, Enter. */
export function AppSwitcher({ current }: { current: App | undefined }): ReactNode {
  const t = useT();
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const search = useRef<HTMLInputElement>(null);
  const [isOpen, setOpen] = useState(false);
  const [text, setText] = useState("");
  const [, navigate] = useLocation();
  const apps = useResource(isOpen ? "apps" : undefined, (signal) => api.apps(signal));

  const wanted = text.trim().toLowerCase();
  const found = (apps.data?.items ?? [])
    .filter((app) => `${app.name} ${app.title}`.toLowerCase().includes(wanted))
    .toSorted(byWorstFirst);

  const close = (): void => list.current?.hidePopover();
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === "Enter" && event.target === search.current && found[0] !== undefined) {
      navigate(paths.app(found[0].id));
      close();
      return;
    }
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const all = [...(list.current?.querySelectorAll<HTMLElement>("input, a") ?? [])];
    const index = all.indexOf(document.activeElement as HTMLElement);
    all[(index + step + all.length) % all.length]?.focus();
  };
  const opened = (): void => {
    const from = button.current?.getBoundingClientRect();
    if (from !== undefined && list.current !== null) {
      list.current.style.left = `${from.left}px`;
      list.current.style.top = `${from.bottom + 4}px`;
    }
    search.current?.focus();
  };

  return (
    <>
      <button
        ref={button}
        type="button"
        className="switcher"
        popoverTarget={id}
        aria-label={t("switcher.label")}
        data-testid="app-switcher"
      >
        <span className={current === undefined ? "dim" : ""}>
          {current?.name ?? t("switcher.none")}
        </span>
        <Icon name="down" />
      </button>
      <div
        ref={list}
        id={id}
        popover="auto"
        className="menu switcher-menu"
        onToggle={(event) => {
          setOpen(event.newState === "open");
          if (event.newState === "open") opened();
        }}
        onKeyDown={onKey}
      >
        <input
          ref={search}
          type="search"
          value={text}
          placeholder={t("switcher.search")}
          aria-label={t("switcher.search")}
          onChange={(event) => setText(event.target.value)}
          data-testid="app-switcher-search"
        />
        {found.map((app) => (
          <Link key={app.id} href={paths.app(app.id)} onClick={close} className="switcher-item">
            <span className={`dot tone-${healthOf(app.health)}`} />
            <span>{app.name}</span>
            <span className="dim">{app.title}</span>
          </Link>
        ))}
        {apps.data !== undefined && found.length === 0 && <p className="dim pad">{t("list.nothing")}</p>}
      </div>
    </>
  );
}
