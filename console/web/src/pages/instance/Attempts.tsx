import { Fragment, type ReactNode } from "react";
import type { Attempt } from "../../api/types";
import { useT } from "../../i18n";
import { durationOf } from "../../lib/status";
import { StatusBadge } from "../../ui/Status";
import { Duration, Time } from "../../ui/Time";

/** Every attempt with its worker, time and result; none is lost by a retry. */
export function Attempts({ attempts, now }: { attempts: Attempt[]; now: number }): ReactNode {
  const t = useT();
  return (
    <section className="panel" data-testid="attempts">
      <h2>{t("attempts.title")}</h2>
      {attempts.length === 0 ? (
        <p className="dim">{t("attempts.none")}</p>
      ) : (
        <table className="list">
          <thead>
            <tr>
              <th>#</th>
              <th>{t("runs.status")}</th>
              <th>{t("runs.worker")}</th>
              <th>{t("runs.started")}</th>
              <th className="right">{t("runs.duration")}</th>
            </tr>
          </thead>
          <tbody>
            {attempts.toReversed().map((attempt) => (
              <Fragment key={attempt.number}>
                <tr className={attempt.status === "FAILED" ? "row-bad" : ""}>
                  <td className="tight num">{attempt.number}</td>
                  <td className="tight">
                    <StatusBadge status={attempt.status} />
                  </td>
                  <td className="wrap">{attempt.worker ?? <span className="dim">–</span>}</td>
                  <td className="tight">
                    <Time at={attempt.timeline.startedAt} />
                  </td>
                  <td className="tight right">
                    <Duration ms={durationOf(attempt.timeline, now)} />
                  </td>
                </tr>
                {attempt.result !== "" && (
                  <tr className={attempt.status === "FAILED" ? "row-bad" : ""}>
                    <td />
                    <td colSpan={4} className="wrap result">
                      <span className="three-lines" title={attempt.result}>
                        {attempt.result}
                      </span>
                    </td>
                  </tr>
                )}
              </Fragment>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
