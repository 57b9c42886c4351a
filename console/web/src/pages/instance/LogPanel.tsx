import { type ReactNode, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { streams } from "../../api/endpoints";
import { useT, useWord } from "../../i18n";
import { LEVELS, type LogRow, logRows, workerHue } from "../../lib/logRows";
import { formatClock } from "../../lib/time";
import { Button } from "../../ui/Button";
import { ErrorBox } from "../../ui/ErrorBox";
import { Icon } from "../../ui/Icon";
import { useHoverTime } from "../../ui/Time";
import { SearchInput } from "../../ui/inputs";
import { useLog } from "./useLog";

interface Props {
  instanceId: string;
  generation: number;
  attempts: number;
}

const ROW_PX = 19;
const SPARE_ROWS = 30;

/** The log, live: follows its end until one scrolls up. */
export function LogPanel({ instanceId, generation, attempts }: Props): ReactNode {
  const t = useT();
  const word = useWord();
  const [isPaused, setPaused] = useState(false);
  const [isFollowing, setFollowing] = useState(true);
  const [level, setLevel] = useState("DEBUG");
  const [query, setQuery] = useState("");
  const log = useLog(instanceId, generation, isPaused);
  const rows = useMemo(() => logRows(log.lines, level, query), [log.lines, level, query]);
  const isLive = !log.isComplete && log.feed !== undefined;

  return (
    <section className="panel log-panel" data-testid="log">
      <div className="log-tools">
        <h2>{t("log.title")}</h2>
        <span className={`connection ${isLive ? (log.feed ?? "") : "ended"}`} data-testid="log-state">
          <span className="dot" />
          {isLive ? t(`connection.${log.feed ?? "connecting"}`) : log.isComplete ? t("log.ended") : t("state.loading")}
        </span>
        <select aria-label={t("log.level")} value={level} onChange={(event) => setLevel(event.target.value)} data-testid="log-level">
          {LEVELS.map((name) => (
            <option key={name} value={name}>
              {t("log.level.least", { level: word("level", name) })}
            </option>
          ))}
        </select>
        <SearchInput value={query} placeholder={t("log.search")} onChange={setQuery} testId="log-search" />
        <span className="dim num">{t("log.lines", { shown: rows.filter((row) => row.isFirst).length, n: log.lines.length })}</span>
        <span className="grow" />
        {log.waiting > 0 && <span className="dim">{t("live.news", { n: log.waiting })}</span>}
        {!log.isComplete && (
          <Button small icon={isPaused ? "play" : "pause"} aria-pressed={isPaused} onClick={() => setPaused(!isPaused)} data-testid="log-pause">
            {t(isPaused ? "live.resume" : "live.pause")}
          </Button>
        )}
        <Button small aria-pressed={isFollowing} onClick={() => setFollowing(!isFollowing)} data-testid="log-follow">
          {t("log.follow")}
        </Button>
        <a className="button small" href={streams.logFile(instanceId)} download={`${instanceId}.log`} data-testid="log-download">
          <Icon name="download" />
          {t("log.download")}
        </a>
      </div>
      {log.error !== undefined && <ErrorBox error={log.error} onRetry={log.reload} />}
      {log.hasEarlier && (
        <p className="notice">
          {t("log.earlier", { n: log.lines.length })}{" "}
          <Button small disabled={log.isLoadingEarlier} onClick={() => void log.loadOlder()} data-testid="log-older">
            {t("log.older")}
          </Button>{" "}
          <Button small disabled={log.isLoadingEarlier} onClick={() => void log.loadAll()} data-testid="log-all">
            {t("log.loadAll")}
          </Button>
        </p>
      )}
      {rows.length === 0 ? (
        <p className="dim pad">{log.lines.length === 0 ? t(log.isComplete ? "log.none" : "log.noneYet") : t("list.nothing")}</p>
      ) : (
        <Rows
          rows={rows}
          query={query}
          withAttempt={attempts > 1}
          isFollowing={isFollowing}
          onFollowing={setFollowing}
        />
      )}
    </section>
  );
}

interface RowsProps {
  rows: LogRow[];
  query: string;
  withAttempt: boolean;
  isFollowing: boolean;
  onFollowing: (isFollowing: boolean) => void;
}

/** Draws only the rows in sight, so that a hundred thousand lines scroll as ten do. */
function Rows({ rows, query, withAttempt, isFollowing, onFollowing }: RowsProps): ReactNode {
  const t = useT();
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(400);
  const count = rows.length;

  useLayoutEffect(() => {
    const element = box.current;
    if (element !== null && isFollowing) element.scrollTop = element.scrollHeight;
  }, [count, isFollowing, height]);

  // lines that were put in front do not move those one reads
  const firstEntry = useRef(rows[0]?.entry);
  useLayoutEffect(() => {
    const before = firstEntry.current;
    firstEntry.current = rows[0]?.entry;
    const element = box.current;
    if (element === null || isFollowing || before === undefined || before === rows[0]?.entry) return;
    const inFront = rows.findIndex((row) => row.entry === before);
    if (inFront > 0) element.scrollTop += inFront * ROW_PX;
  }, [rows, isFollowing]);

  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const first = Math.max(0, Math.floor(top / ROW_PX) - SPARE_ROWS);
  const last = Math.min(count, Math.ceil((top + height) / ROW_PX) + SPARE_ROWS);
  return (
    <div
      ref={box}
      className="log"
      tabIndex={0}
      role="log"
      aria-label={t("log.title")}
      onScroll={(event) => {
        const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
        setTop(scrollTop);
        const isAtEnd = scrollHeight - scrollTop - clientHeight < ROW_PX * 2;
        if (isAtEnd !== isFollowing && (isAtEnd || scrollTop < top)) onFollowing(isAtEnd);
      }}
      data-testid="log-lines"
    >
      <div style={{ height: count * ROW_PX }}>
        <div style={{ transform: `translateY(${first * ROW_PX}px)` }}>
          {rows.slice(first, last).map((row, index) => (
            <Line key={first + index} row={row} query={query} withAttempt={withAttempt} />
          ))}
        </div>
      </div>
    </div>
  );
}

function Line({ row, query, withAttempt }: { row: LogRow; query: string; withAttempt: boolean }): ReactNode {
  const t = useT();
  const hover = useHoverTime();
  const { entry, text, isFirst } = row;
  const classes = `log-row level-${entry.level.toLowerCase()}${entry.isGap === true ? " gap" : ""}`;
  if (!isFirst) {
    return (
      <div className={classes}>
        <span className="log-more">
          <Marked text={text} query={query} />
        </span>
      </div>
    );
  }
  return (
    <div className={classes}>
      <span className="log-time" title={hover(entry.at)}>
        {formatClock(entry.at)}
      </span>
      <span className="log-level">{entry.level}</span>
      {withAttempt && <span className="log-attempt" title={t("runs.attempt")}>#{entry.attempt}</span>}
      <span className="log-worker" style={{ "--hue": workerHue(entry.worker) }} title={entry.worker}>
        {entry.worker}
      </span>
      {entry.isGap === true && <Icon name="warn" size={12} />}
      <span>
        <Marked text={text} query={query} />
      </span>
    </div>
  );
}

/** The text with what was searched for marked. */
function Marked({ text, query }: { text: string; query: string }): ReactNode {
  const wanted = query.trim().toLowerCase();
  const at = wanted === "" ? -1 : text.toLowerCase().indexOf(wanted);
  if (at < 0) return text;
  return (
    <>
      {text.slice(0, at)}
      <mark>{text.slice(at, at + wanted.length)}</mark>
      {text.slice(at + wanted.length)}
    </>
  );
}
