import type { ReactNode } from "react";

const PATHS = {
  apps: "M3 3h5v5H3zM10 3h3v5h-3zM3 10h5v3H3zM10 10h3v3h-3z",
  home: "M2 8l6-5 6 5M4 7v6h8V7",
  calendar: "M3 4h10v9H3zM3 7h10M6 2v3M10 2v3",
  jobs: "M3 4h10M3 8h10M3 12h6",
  runs: "M3 13V8M7 13V3M11 13V6M14 13v-3",
  workers: "M3 3h10v4H3zM3 9h10v4H3zM5 5h.01M5 11h.01",
  inspect: "M7 12a5 5 0 1 0 0-10 5 5 0 0 0 0 10zM11 11l3 3",
  columns: "M2 3h12v10H2zM6 3v10M10 3v10",
  play: "M5 3l8 5-8 5z",
  plus: "M8 3v10M3 8h10",
  more: "M3 8h.01M8 8h.01M13 8h.01",
  close: "M4 4l8 8M12 4l-8 8",
  check: "M3 8.5l3.5 3.5L13 4.5",
  copy: "M6 6h7v7H6zM10 6V3H3v7h3",
  pause: "M5 3v10M11 3v10",
  reload: "M13 8a5 5 0 1 1-1.5-3.5M13 2v3h-3",
  edit: "M3 13l1-3 7-7 2 2-7 7zM10 4l2 2",
  trash: "M3 4h10M6 4V2.5h4V4M4.5 4l.5 9h6l.5-9",
  stop: "M4 4h8v8H4z",
  retry: "M3 8a5 5 0 1 0 1.5-3.5M3 2v3h3",
  sun: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 1v1.5M8 13.500v1.500M1 8h1.500M13.500 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  moon: "M13 9.500A5.500 5.500 0 1 1 6.500 3 4.500 4.500 0 0 0 13 9.500z",
  auto: "M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 0 1 0 12",
  search: "M7 12a5 5 0 1 0 0-10 5 5 0 0 0 0 10zM11 11l3 3",
  warn: "M8 2l6.500 11.500h-13zM8 6.500v3.500M8 12h.01",
  down: "M4 6l4 4 4-4",
  right: "M6 4l4 4-4 4",
  key: "M6 10a3 3 0 1 1 2.500-4.600L14 11v2h-2l-3.600-3.700A3 3 0 0 1 6 10z",
  download: "M8 2v8M5 7l3 3 3-3M3 13h10",
  out: "M6 3H3v10h3M7 8h7M11 5l3 3-3 3",
  user: "M8 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2.500 14c.5-3 2.500-4.500 5.500-4.500s5 1.500 5.500 4.500",
  globe: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM2 8h12M8 2c2 2 2.500 4 2.500 6S10 12 8 14c-2-2-2.500-4-2.500-6S6 4 8 2z",
  bolt: "M9 1.500L3 9h4l-.5 5.500L13 7H8.500z",
} as const;

export type IconName = keyof typeof PATHS;

interface Props {
  name: IconName;
  size?: number;
}

/** A line drawing beside a text; it says nothing that the text does not. */
export function Icon({ name, size = 14 }: Props): ReactNode {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
