import { useEffect, useRef } from "react";

/** Asks whether an unsaved form may be left. */
type Guard = () => Promise<boolean>;

let guard: Guard | undefined;

/** Goes on at once, or after the person agreed to lose what was typed. */
export function guarded(go: () => void): void {
  if (guard === undefined) {
    go();
    return;
  }
  void guard().then((mayLeave) => {
    if (!mayLeave) return;
    guard = undefined;
    go();
  });
}

const stayOnReload = (event: BeforeUnloadEvent): void => event.preventDefault();

/**
 * Keeps the person on a form with unsaved changes: links, the back button, closing the tab.
 *
 * For the back button the form's address is put on top of the history again before anyone asks.
 */
export function useLeaveGuard(isDirty: boolean, ask: Guard): void {
  const latest = useRef(ask);
  latest.current = ask;
  useEffect(() => {
    if (!isDirty) return undefined;
    const mine: Guard = () => latest.current();
    const address = window.location.href;
    const onBack = (event: PopStateEvent): void => {
      if (guard !== mine) return;
      event.stopImmediatePropagation();
      window.history.pushState(null, "", address);
      guarded(() => window.history.back());
    };
    guard = mine;
    window.addEventListener("popstate", onBack, { capture: true });
    window.addEventListener("beforeunload", stayOnReload);
    return () => {
      if (guard === mine) guard = undefined;
      window.removeEventListener("popstate", onBack, { capture: true });
      window.removeEventListener("beforeunload", stayOnReload);
    };
  }, [isDirty]);
}

/** The form is saved: leave without a question. */
export function releaseGuard(): void {
  guard = undefined;
}
