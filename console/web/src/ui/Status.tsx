import type { ReactNode } from "react";
import { useWord } from "../i18n";
import { toneOf } from "../lib/status";

function shape(status: string): ReactNode {
  switch (status) {
    case "SUCCEED":
    case "ok":
    case "ONLINE":
      return (
        <>
          <circle className="fill" cx="7" cy="7" r="6" />
          <path className="cut" d="M4 7.200l2 2 4-4.400" />
        </>
      );
    case "FAILED":
    case "failed":
    case "LOST":
      return (
        <>
          <path className="fill" d="M4.500.8h5L13.200 4.500v5L9.500 13.200h-5L.8 9.500v-5z" />
          <path className="cut" d="M4.700 4.700l4.600 4.600M9.300 4.700l-4.600 4.600" />
        </>
      );
    case "RUNNING":
      return (
        <>
          <circle className="track" cx="7" cy="7" r="5.200" />
          <path className="spin" d="M7 1.800A5.200 5.200 0 0 1 12.200 7" />
          <path className="fill" d="M5.500 4.500L9.500 7l-4 2.500z" />
        </>
      );
    case "WAITING_DISPATCH":
      return (
        <>
          <circle className="line" cx="7" cy="7" r="5.400" />
          <path className="line" d="M7 4v3.200l2 1.300" />
        </>
      );
    case "WAITING_WORKER_RECEIVE":
      return (
        <>
          <circle className="line" cx="7" cy="7" r="5.400" />
          <path className="line" d="M4 7h5.500M7.500 5l2 2-2 2" />
        </>
      );
    case "STOPPED":
      return <rect className="fill" x="1.500" y="1.500" width="11" height="11" rx="1.500" />;
    case "CANCELED":
      return (
        <>
          <circle className="line" cx="7" cy="7" r="5.400" />
          <path className="line" d="M3.300 10.700l7.400-7.400" />
        </>
      );
    case "DRAINING":
    case "SUSPECT":
    case "dropped":
      return (
        <>
          <path className="fill" d="M7 1l6.500 11.500H.5z" />
          <path className="cut" d="M7 5v3.500M7 10.500v.01" />
        </>
      );
    default:
      return <circle className="line" cx="7" cy="7" r="5.400" />;
  }
}

/** The state as a shape that reads without colours. */
export function StatusMark({ status, size = 14 }: { status: string; size?: number }): ReactNode {
  return (
    <svg
      className={`mark tone-${toneOf(status)}`}
      width={size}
      height={size}
      viewBox="0 0 14 14"
      aria-hidden="true"
    >
      {shape(status)}
    </svg>
  );
}

interface BadgeProps {
  status: string;
  /** Which words: of instances, of workers, of messages. */
  area?: "status" | "worker.state" | "outcome";
}

export function StatusBadge({ status, area = "status" }: BadgeProps): ReactNode {
  const word = useWord();
  return (
    <span className={`badge tone-${toneOf(status)}`} data-status={status}>
      <StatusMark status={status} />
      {word(area, status)}
    </span>
  );
}
