import { useEffect, useRef, useState } from "react";
import { Feed, type FeedOptions, type FeedState } from "../api/events";

type Handlers = Pick<FeedOptions, "on" | "onResume">;

/** A live stream for as long as the component is shown and `url` is not undefined. */
export function useFeed(url: string | undefined, handlers: Handlers): FeedState {
  const [state, setState] = useState<FeedState>("connecting");
  const latest = useRef(handlers);
  latest.current = handlers;
  const names = Object.keys(handlers.on).join(" ");

  useEffect(() => {
    if (url === undefined) {
      setState("paused");
      return undefined;
    }
    const feed = new Feed({
      url: () => url,
      on: Object.fromEntries(
        names
          .split(" ")
          .map((name) => [name, (data: unknown, id: string) => latest.current.on[name]?.(data, id)]),
      ),
      onState: setState,
      onResume: () => latest.current.onResume?.(),
    });
    return () => feed.close();
  }, [url, names]);

  return state;
}
