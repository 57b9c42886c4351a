import type { ReactNode } from "react";
import type { Diagnosis, Job } from "../../api/types";
import type { Resource } from "../../data/useResource";
import { useT } from "../../i18n";
import { useReasons } from "../../i18n/reason";
import { ErrorBox } from "../../ui/ErrorBox";
import { StatusMark } from "../../ui/Status";
import { Spinner } from "../../ui/bits";

/** Why is it not running? */
export function DiagnosisPanel({ diagnosis, job }: { diagnosis: Resource<Diagnosis>; job: Job }): ReactNode {
  const t = useT();
  const { data, error, reload } = diagnosis;
  return (
    <section className="panel" data-testid="diagnosis">
      <h2>{t(data?.canRun === false ? "diagnosis.title" : "diagnosis.title.well")}</h2>
      {error !== undefined && <ErrorBox error={error} onRetry={reload} />}
      {data === undefined && error === undefined && <Spinner />}
      {data !== undefined && <Findings data={data} job={job} />}
    </section>
  );
}

function Findings({ data, job }: { data: Diagnosis; job: Job }): ReactNode {
  const t = useT();
  const { word } = useReasons();
  const check = (isGood: boolean, good: string, bad: string): ReactNode => (
    <p className="with-mark">
      <StatusMark status={isGood ? "SUCCEED" : "FAILED"} />
      {isGood ? good : bad}
    </p>
  );
  return (
    <>
      {check(data.canRun, t("diagnosis.canRun"), t("diagnosis.cannotRun"))}
      {job.schedule.type === "API" ? (
        <p className="with-mark dim">
          <StatusMark status="CANCELED" />
          {t("diagnosis.onRequest")}
        </p>
      ) : (
        check(data.isScheduled, t("diagnosis.scheduled"), t("diagnosis.notScheduled"))
      )}
      {data.reasons.length > 0 && (
        <ul className="reasons">
          {data.reasons.map((reason) => (
            <li key={reason.code}>{word(reason)}</li>
          ))}
        </ul>
      )}
      {data.workers.length === 0 && <p className="dim">{t("diagnosis.noWorkers")}</p>}
      {data.workers.length > 0 && (
        <table className="list">
          <tbody>
            {data.workers.map((worker) => (
              <tr key={worker.worker}>
                <td className="tight with-mark">
                  <StatusMark status={worker.fits ? "SUCCEED" : "FAILED"} />
                  {worker.fits ? t("diagnosis.fits") : t("diagnosis.fitsNot")}
                </td>
                <td>
                  {worker.worker} <span className="dim num">{worker.address}</span>
                  {worker.reason && <div className="dim">{word(worker.reason)}</div>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}
