import { type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { useLocation } from "wouter";
import { api } from "../api/endpoints";
import type { App } from "../api/types";
import { useMe, useSession } from "../data/session";
import { useResource } from "../data/useResource";
import { useI18n } from "../i18n";
import { isId } from "../lib/ids";
import { Icon, type IconName } from "../ui/Icon";
import { useSay } from "../ui/Toasts";
import { paths } from "./paths";
import { setTheme, useTheme } from "./theme";

interface Entry {
  key: string;
  icon: IconName;
  text: string;
  note?: string;
  /** Shown whatever was typed: the server searched, or it is made from the text. */
  always?: boolean;
  run: () => void;
}

interface Props {
  app: App | undefined;
  onClose: () => void;
}

const MOST = 12;
const TYPING_MS = 150;

function useJobsFound(app: App | undefined, text: string): { id: string; name: string }[] {
  const [query, setQuery] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setQuery(text.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const key = app === undefined || query === "" ? undefined : `${app.id}/${query}`;
  const found = useResource(
    key,
    (signal) => api.jobs(app?.id ?? "", { query, limit: 8 }, signal),
    { keep: true },
  );
  if (key === undefined) return [];
  return (found.data?.items ?? []).map(({ job }) => ({ id: job.id, name: job.name }));
}

function useEntries(app: App | undefined, text: string): Entry[] {
  const { t, lang, setLang } = useI18n();
  const [, navigate] = useLocation();
  const me = useMe();
  const { signOut } = useSession();
  const say = useSay();
  const theme = useTheme();
  const apps = useResource("palette", (signal) => api.apps(signal));
  const jobs = useJobsFound(app, text);
  const entries: Entry[] = [];
  const page = (key: string, icon: IconName, label: string, to: string, note?: string): void => {
    const entry: Entry = { key, icon, text: label, run: () => navigate(to) };
    entries.push(note === undefined ? entry : { ...entry, note });
  };

  const wanted = text.trim();
  if (isId(wanted)) {
    for (const kind of ["instance", "job"] as const) {
      entries.push({
        key: kind,
        icon: kind === "job" ? "jobs" : "runs",
        text: t(`palette.${kind}`, { id: wanted }),
        always: true,
        run: () => navigate(`/${kind}s/${wanted}`),
      });
    }
  }
  for (const job of app === undefined ? [] : jobs) {
    entries.push({
      key: `job/${job.id}`,
      icon: "jobs",
      text: job.name,
      note: t("palette.job.note"),
      always: true,
      run: () => navigate(paths.job(app?.id ?? "", job.id)),
    });
  }
  if (app !== undefined) {
    page("home", "home", t("nav.home"), paths.app(app.id), app.name);
    page("jobs", "jobs", t("nav.jobs"), paths.jobs(app.id), app.name);
    page("instances", "runs", t("nav.instances"), paths.instances(app.id), app.name);
    page("failed", "warn", t("palette.failed"), paths.instances(app.id, "?status=FAILED"), app.name);
    page("workers", "workers", t("nav.workers"), paths.workers(app.id), app.name);
    page("new", "plus", t("jobs.new"), paths.newJob(app.id), app.name);
  }
  page("apps", "apps", t("nav.apps"), paths.apps);
  if (me.isAdministrator) {
    page("inspector", "inspect", t("nav.inspector"), paths.inspector);
    page("server", "bolt", t("nav.server"), paths.server);
  }
  for (const other of apps.data?.items ?? []) {
    if (other.id !== app?.id) {
      page(`app/${other.id}`, "apps", other.name, paths.app(other.id), t("palette.app.note"));
    }
  }
  entries.push(
    {
      key: "theme",
      icon: theme === "dark" ? "sun" : "moon",
      text: t(theme === "dark" ? "palette.light" : "palette.dark"),
      run: () => setTheme(theme === "dark" ? "light" : "dark"),
    },
    {
      key: "lang",
      icon: "globe",
      text: lang === "en" ? "中文" : "English",
      note: t("look.language"),
      run: () => setLang(lang === "en" ? "zh" : "en"),
    },
    {
      key: "out",
      icon: "out",
      text: t("user.signOut", { account: me.account }),
      run: () => void signOut().catch(say.failed),
    },
  );
  const words = wanted.toLowerCase().split(/\s+/);
  return entries
    .filter((entry) => {
      const haystack = entry.text.toLowerCase();
      return entry.always === true || words.every((word) => haystack.includes(word));
    })
    .slice(0, MOST);
}

/** Go anywhere by typing. */
export default function Palette({ app, onClose }: Props): ReactNode {
  const { t } = useI18n();
  const [text, setText] = useState("");
  const [index, setIndex] = useState(0);
  const entries = useEntries(app, text);
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (dialog.current?.open === false) dialog.current.showModal();
  }, []);

  const chosen = Math.min(index, entries.length - 1);
  const run = (entry: Entry | undefined): void => {
    if (entry === undefined) return;
    onClose();
    entry.run();
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === "Enter") {
      event.preventDefault();
      run(entries[chosen]);
    }
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    setIndex((chosen + step + entries.length) % Math.max(1, entries.length));
  };

  return (
    <dialog
      ref={dialog}
      className="palette"
      aria-label={t("palette.open")}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === dialog.current) onClose();
      }}
      data-testid="palette"
    >
      <input
        autoFocus
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={entries[chosen] === undefined ? undefined : `palette-${chosen}`}
        placeholder={t("palette.placeholder")}
        aria-label={t("palette.placeholder")}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setIndex(0);
        }}
        onKeyDown={onKey}
        data-testid="palette-input"
      />
      <ul id="palette-list" role="listbox" aria-label={t("palette.open")}>
        {entries.map((entry, at) => (
          <li
            key={entry.key}
            id={`palette-${at}`}
            role="option"
            aria-selected={at === chosen}
            onMouseMove={() => setIndex(at)}
            onClick={() => run(entry)}
          >
            <Icon name={entry.icon} />
            <span>{entry.text}</span>
            <span className="dim">{entry.note}</span>
          </li>
        ))}
        {entries.length === 0 && <li className="dim">{t("list.nothing")}</li>}
      </ul>
    </dialog>
  );
}
