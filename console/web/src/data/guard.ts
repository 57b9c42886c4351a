import { useEffect, useRef } from "react";

/** Asks whether an unsaved form may be left. */
type Guard = () => Promise<boolean>;

let guard: { ask: Guard; address: string } | undefined;

/** Goes on at once, or after the person agreed to lose what was typed. */
export function guarded(go: () => void): void {
  if (guard === undefined) {
    go();
    return;
  }
  void guard.ask().then((mayLeave) => {
    if (!mayLeave) return;
    guard = undefined;
    go();
  });
}

// The router listens too and would unmount the form. Listeners of the window run in the order in
// which they were added, capturing or not, so this one is added when the script loads. The form's
// address is put on top of the history again before anyone asks.
window.addEventListener("popstate", (event) => {
  if (guard === undefined) return;
  event.stopImmediatePropagation();
  window.history.pushState(null, "", guard.address);
  guarded(() => window.history.back());
});

window.addEventListener("beforeunload", (event) => {
  if (guard !== undefined) event.preventDefault();
});

/** Keeps the person on a form with unsaved changes: links, the back button, closing the tab. */
export function useLeaveGuard(isDirty: boolean, ask: Guard): void {
  const latest = useRef(ask);
  latest.current = ask;
  useEffect(() => {
    if (!isDirty) return undefined;
    const mine = { ask: () => latest.current(), address: window.location.href };
    guard = mine;
    return () => {
      if (guard === mine) guard = undefined;
    };
  }, [isDirty]);
}

/** The form is saved: leave without a question. */
export function releaseGuard(): void {
  guard = undefined;
}
