import { parseJson } from "../lib/json";

/** State of a live connection. */
export type FeedState = "connecting" | "live" | "reconnecting" | "paused";

export interface FeedOptions {
  /** Where to connect; asked anew for every attempt, so that a cursor can move on. */
  url: () => string;
  /** Names of the events and what to do with their data and id. */
  on: Record<string, (data: unknown, id: string) => void>;
  onState?: (state: FeedState) => void;
  /** Called when a connection stands again after one was lost: what was missed must be loaded. */
  onResume?: () => void;
  /** Makes the connection; tests give their own. */
  open?: (url: string) => EventSource;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const HIDDEN_MS = 20_000;

/** The wait before the given attempt, from 0; `spread` is between 0 and 1. */
export function backOff(attempt: number, spread: number): number {
  const full = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt, 10));
  return Math.round(full * (0.5 + spread / 2));
}

function parse(event: Event): unknown {
  if (!(event instanceof MessageEvent) || typeof event.data !== "string") return undefined;
  try {
    return parseJson(event.data);
  } catch {
    return undefined;
  }
}

/**
 * A stream of server-sent events that comes back by itself.
 *
 * A tab that nobody looks at gives its connection back after a while, because browsers allow only
 * six to a server over all tabs.
 */
export class Feed {
  private source: EventSource | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private hiddenTimer: ReturnType<typeof setTimeout> | undefined;
  private attempt = 0;
  private wasLost = false;
  private closed = false;

  constructor(private readonly options: FeedOptions) {
    document.addEventListener("visibilitychange", this.onVisibility);
    this.connect();
  }

  close(): void {
    this.closed = true;
    document.removeEventListener("visibilitychange", this.onVisibility);
    clearTimeout(this.hiddenTimer);
    this.drop();
  }

  private connect(): void {
    this.options.onState?.(this.wasLost ? "reconnecting" : "connecting");
    const url = this.options.url();
    const source = this.options.open?.(url) ?? new EventSource(url);
    this.source = source;
    source.onopen = () => this.opened();
    source.onerror = () => this.lost();
    for (const [name, handle] of Object.entries(this.options.on)) {
      source.addEventListener(name, (event) => {
        const data = parse(event);
        if (data !== undefined) handle(data, event.lastEventId ?? "");
      });
    }
  }

  private opened(): void {
    this.attempt = 0;
    this.options.onState?.("live");
    if (this.wasLost) this.options.onResume?.();
    this.wasLost = false;
  }

  private lost(): void {
    if (this.closed) return;
    this.drop();
    this.wasLost = true;
    this.options.onState?.("reconnecting");
    this.timer = setTimeout(() => this.connect(), backOff(this.attempt, Math.random()));
    this.attempt += 1;
  }

  private drop(): void {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = undefined;
  }

  private readonly onVisibility = (): void => {
    clearTimeout(this.hiddenTimer);
    if (document.visibilityState === "hidden") {
      this.hiddenTimer = setTimeout(() => {
        this.drop();
        this.wasLost = true;
        this.options.onState?.("paused");
      }, HIDDEN_MS);
      return;
    }
    if (this.source === undefined && !this.closed) {
      clearTimeout(this.timer);
      this.attempt = 0;
      this.connect();
    }
  };
}
