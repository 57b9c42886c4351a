import { type ReactNode, createContext, useCallback, useContext, useMemo, useState } from "react";
import { Link } from "wouter";
import { type ApiError, asApiError } from "../api/problem";
import { useT } from "../i18n";
import { ErrorBox } from "./ErrorBox";
import { Icon } from "./Icon";

interface Toast {
  key: number;
  text?: string;
  link?: { href: string; text: string } | undefined;
  error?: ApiError;
}

interface Say {
  /** Says what happened, with a way to it. */
  done: (text: string, link?: { href: string; text: string }) => void;
  /** Shows what failed until somebody has read it. */
  failed: (thrown: unknown) => void;
}

const Context = createContext<Say | undefined>(undefined);
const SHOWN_MS = 6000;
const MOST = 4;
let counter = 0;

export function ToastProvider({ children }: { children: ReactNode }): ReactNode {
  const t = useT();
  const [toasts, setToasts] = useState<Toast[]>([]);
  const drop = useCallback((key: number) => {
    setToasts((old) => old.filter((toast) => toast.key !== key));
  }, []);
  const say = useMemo<Say>(() => {
    const add = (toast: Omit<Toast, "key">): number => {
      counter += 1;
      const key = counter;
      setToasts((old) => [...old, { ...toast, key }].slice(-MOST));
      return key;
    };
    return {
      done: (text, link) => {
        const key = add({ text, link });
        setTimeout(() => drop(key), SHOWN_MS);
      },
      failed: (thrown) => {
        add({ error: asApiError(thrown) });
      },
    };
  }, [drop]);
  return (
    <Context.Provider value={say}>
      {children}
      <div className="toasts" role="status" aria-live="polite">
        {toasts.map((toast) => (
          <div key={toast.key} className="toast" data-testid="toast">
            {toast.error === undefined ? (
              <p>
                {toast.text}
                {toast.link !== undefined && <Link href={toast.link.href}>{toast.link.text}</Link>}
              </p>
            ) : (
              <ErrorBox error={toast.error} />
            )}
            <button
              type="button"
              className="icon-button"
              aria-label={t("action.close")}
              onClick={() => drop(toast.key)}
            >
              <Icon name="close" />
            </button>
          </div>
        ))}
      </div>
    </Context.Provider>
  );
}

export function useSay(): Say {
  const say = useContext(Context);
  if (say === undefined) throw new Error("no toast provider");
  return say;
}
