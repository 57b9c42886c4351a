import type { ReactNode } from "react";
import { useServer } from "../../data/session";
import { useNow } from "../../data/useNow";
import { useT } from "../../i18n";
import { useReasons } from "../../i18n/reason";
import { browserZone, formatTime } from "../../lib/time";
import { ErrorBox } from "../../ui/ErrorBox";
import { useScheduleText } from "../../ui/ScheduleText";
import { StatusMark } from "../../ui/Status";
import { useRelative } from "../../ui/Time";
import type { Check } from "./useScheduleCheck";

/** What the schedule means: in words, and the next times in each zone that matters. */
export function SchedulePreview({ check }: { check: Check }): ReactNode {
  const t = useT();
  const words = useScheduleText();
  const { wordField } = useReasons();
  const { checked, error, isPending, schedule } = check;
  return (
    <div className={isPending ? "preview pending" : "preview"} data-testid="schedule-preview" aria-live="polite">
      {error !== undefined && <ErrorBox error={error} />}
      {checked !== undefined && !checked.valid && (
        <>
          <p className="with-mark">
            <StatusMark status="FAILED" />
            <strong>{t("preview.invalid")}</strong>
          </p>
          <ul className="reasons" data-testid="schedule-errors">
            {checked.errors.map((entry) => (
              <li key={entry.field + entry.reason}>
                {wordField(entry)}
              </li>
            ))}
          </ul>
        </>
      )}
      {checked?.valid === true && (
        <>
          <p className="with-mark">
            <StatusMark status="SUCCEED" />
            <strong data-testid="schedule-words">{words(schedule, checked.text)}</strong>
          </p>
          <NextTimes times={checked.next} zone={checked.zone} />
        </>
      )}
      {checked === undefined && error === undefined && <p className="dim">{t("preview.checking")}</p>}
    </div>
  );
}

function NextTimes({ times, zone }: { times: number[]; zone: string }): ReactNode {
  const t = useT();
  const server = useServer();
  const now = useNow(1000);
  const relative = useRelative();
  if (times.length === 0) return <p className="dim">{t("preview.none")}</p>;
  const here = browserZone();
  const zones = [
    { zone: here, text: t("preview.browser", { zone: here }) },
    { zone: server.zone, text: t("preview.server", { zone: server.zone }) },
    { zone, text: t("preview.schedule", { zone }) },
  ].filter((entry, index, all) => {
    const isServersColumn = index === 1;
    return isServersColumn || all.findIndex((other) => other.zone === entry.zone) === index;
  });
  return (
    <table className="list" data-testid="next-times">
      <thead>
        <tr>
          {zones.map((entry) => (
            <th key={entry.text}>{entry.text}</th>
          ))}
          <th />
        </tr>
      </thead>
      <tbody>
        {times.map((at) => (
          <tr key={at}>
            {zones.map((entry) => (
              <td key={entry.text} className="num tight">
                {formatTime(at, entry.zone)}
              </td>
            ))}
            <td className="dim num">{relative(at, now)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
