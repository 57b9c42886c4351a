import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Feed, type FeedState, backOff } from "./events";

class FakeSource extends EventTarget {
  static all: FakeSource[] = [];
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  isClosed = false;

  constructor(readonly url: string) {
    super();
    FakeSource.all.push(this);
  }

  close(): void {
    this.isClosed = true;
  }

  say(name: string, data: string, lastEventId = ""): void {
    this.dispatchEvent(new MessageEvent(name, { data, lastEventId }));
  }
}

const latest = (): FakeSource => FakeSource.all.at(-1) ?? expect.fail("no connection");
const open = (url: string): EventSource => new FakeSource(url) as unknown as EventSource;

describe("feed", () => {
  beforeEach(() => {
    FakeSource.all = [];
    vi.useFakeTimers();
  });
  afterEach(() => vi.useRealTimers());

  it("comes back after a loss, further on, and says that something was missed", () => {
    const states: FeedState[] = [];
    const lines: unknown[] = [];
    const resumed = vi.fn();
    let cursor = "";
    const feed = new Feed({
      url: () => `/log?cursor=${cursor}`,
      on: {
        line: (data, id) => {
          lines.push(data);
          cursor = id;
        },
      },
      onState: (state) => states.push(state),
      onResume: resumed,
      open,
    });
    latest().onopen?.();
    latest().say("line", '{"id":604919300096000323}', "7");
    latest().say("line", "broken");
    latest().onerror?.();
    expect(latest().isClosed).toBe(true);
    vi.advanceTimersByTime(20_000);
    expect(FakeSource.all).toHaveLength(2);
    expect(latest().url).toBe("/log?cursor=7");
    expect(resumed).not.toHaveBeenCalled();
    latest().onopen?.();
    expect(resumed).toHaveBeenCalledOnce();
    expect(lines).toEqual([{ id: "604919300096000323" }]);
    expect(states).toEqual(["connecting", "live", "reconnecting", "reconnecting", "live"]);
    feed.close();
    latest().onerror?.();
    vi.advanceTimersByTime(60_000);
    expect(FakeSource.all).toHaveLength(2);
  });

  it("waits longer each time, up to a limit, and not all at once", () => {
    expect(backOff(0, 0)).toBe(250);
    expect(backOff(0, 1)).toBe(500);
    expect(backOff(3, 1)).toBe(4000);
    expect(backOff(50, 1)).toBe(15_000);
  });
});
