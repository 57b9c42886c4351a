import {
  type ReactNode,
  createContext,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useState,
} from "react";
import { speak } from "../api/client";
import { recall, remember } from "../lib/storage";
import type { Dictionary, Key } from "./en";
import { type Params, fill } from "./translate";

export type Lang = "en" | "zh";
export type { Key } from "./en";

export type Translate = (key: Key, params?: Params) => string;

interface I18n {
  lang: Lang;
  t: Translate;
  /** The text of a key that is made while the program runs; none for one that does not exist. */
  find: (key: string) => string | undefined;
  setLang: (lang: Lang) => void;
}

const LOADERS: Record<Lang, () => Promise<Dictionary>> = {
  en: () => import("./en").then((module) => module.en),
  zh: () => import("./zh").then((module) => module.zh),
};

const Context = createContext<I18n | undefined>(undefined);

/** The remembered language, else the browser's, else English. */
export function firstLang(preferred: readonly string[] = navigator.languages): Lang {
  const known = recall("lang");
  if (known === "en" || known === "zh") return known;
  const match = preferred.find((lang) => /^(?:en|zh)\b/i.test(lang));
  return match?.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function loadDictionary(lang: Lang): Promise<Dictionary> {
  return LOADERS[lang]();
}

interface ProviderProps {
  first: { lang: Lang; dictionary: Dictionary };
  children: ReactNode;
}

export function I18nProvider({ first, children }: ProviderProps): ReactNode {
  const [current, setCurrent] = useState(first);

  useEffect(() => {
    document.documentElement.lang = current.lang === "zh" ? "zh-CN" : "en";
    speak(current.lang === "zh" ? "zh-CN, zh;q=0.9, en;q=0.5" : "en");
  }, [current.lang]);

  const setLang = useCallback((lang: Lang) => {
    remember("lang", lang);
    void loadDictionary(lang).then((dictionary) => setCurrent({ lang, dictionary }));
  }, []);

  const value = useMemo<I18n>(() => {
    const { lang, dictionary } = current;
    const t: Translate = (key, params = {}) => fill(dictionary[key], params);
    const find = (key: string): string | undefined =>
      Object.hasOwn(dictionary, key) ? dictionary[key as Key] : undefined;
    return { lang, t, find, setLang };
  }, [current, setLang]);

  return <Context.Provider value={value}>{children}</Context.Provider>;
}

export function useI18n(): I18n {
  const value = useContext(Context);
  if (value === undefined) throw new Error("no language provider");
  return value;
}

export function useT(): Translate {
  return useI18n().t;
}

/** The word for a value of the API, or the value itself when there is none. */
export function useWord(): (area: string, value: string) => string {
  const { t } = useI18n();
  return useCallback(
    (area, value) => {
      const key = `${area}.${value}`;
      return isWord(key) ? t(key) : value;
    },
    [t],
  );
}

const WORDS = new Set<string>(
  [
    ["status", "WAITING_DISPATCH WAITING_WORKER_RECEIVE RUNNING SUCCEED FAILED STOPPED CANCELED"],
    ["trigger", "SCHEDULE API WORKFLOW"],
    ["worker.state", "ONLINE OFFLINE DRAINING DRAINED SUSPECT LOST"],
    ["schedule.type", "API CRON FIXED_RATE FIXED_DELAY DAILY_TIME_INTERVAL ONCE WORKFLOW"],
    ["misfire", "ONCE SKIP CATCH_UP"],
    ["misfire.text", "ONCE SKIP CATCH_UP"],
    ["overlap", "ALLOW SKIP QUEUE REPLACE"],
    ["overlap.text", "ALLOW SKIP QUEUE REPLACE"],
    ["beatsIn", "AUTO RUNS ONE_RUN"],
    ["beatsIn.text", "AUTO RUNS ONE_RUN"],
    ["backOff", "FIXED EXPONENTIAL"],
    ["backOff.text", "FIXED EXPONENTIAL"],
    ["execute", "STANDALONE BROADCAST MAP MAP_REDUCE"],
    ["task", "WAITING RUNNING FAILED SUCCEEDED"],
    ["processor", "BUILT_IN SHELL PYTHON EXTERNAL"],
    ["dispatch", "HEALTH_FIRST RANDOM ROUND_ROBIN SPECIFY"],
    ["outcome", "ok failed dropped"],
    ["level", "DEBUG INFO WARN ERROR OFF"],
    ["problem", "no-connection unreadable-answer console-error not-signed-in session-expired"],
    ["problem", "wrong-credentials too-many-attempts"],
    ["problem", "incomplete-body invalid-json method-not-allowed ticket-invalid unsupported-media-type"],
    ["problem", "account-disabled account-not-found app-in-use app-name-taken app-not-found"],
    ["problem", "body-too-large cross-site-request instance-not-found internal"],
    ["problem", "invalid-cursor invalid-query job-not-found not-owner overloaded"],
    ["problem", "path-not-found permission-denied revision-conflict state-conflict timed-out"],
    ["problem", "worker-not-found"],
    ["problem", "token-expired token-unknown too-many-streams unavailable validation-failed"],
    ["role", "server worker"],
  ].flatMap(([area, values]) => (values ?? "").split(" ").map((value) => `${area}.${value}`)),
);

function isWord(key: string): key is Key {
  return WORDS.has(key);
}

/** The words above; the test of the dictionaries asks for each. */
export const KNOWN_WORDS: readonly string[] = [...WORDS];
