import type { ReactNode } from "react";
import type { ServerStatus } from "../../api/types";
import { useT } from "../../i18n";
import { formatBytes, share } from "../../lib/bytes";
import { formatMicros } from "../../lib/duration";
import { Duration, Time, useDurations } from "../../ui/Time";
import { Meter, Pairs } from "../../ui/bits";

/** What the server says of itself, in pairs. */
export function ServerFacts({ status }: { status: ServerStatus }): ReactNode {
  const t = useT();
  const duration = useDurations();
  const { lateness, lease, runs, store, process } = status;
  const two = (p50Us: number, p99Us: number): string => `${formatMicros(p50Us)} / ${formatMicros(p99Us)}`;
  const facts: [string, ReactNode][] = [
    [t("server.node"), `${status.node} (${status.version})`],
    [t("server.ready"), <Readiness key="ready" status={status} />],
    [t("server.up"), <Time key="up" at={status.startedAt} full />],
    [t("server.lease"), t("server.leaseActs", { epoch: lease.epoch, time: duration(lease.actsForMs) })],
    [t("server.address"), <code key="address">{status.workerAddress}</code>],
    [t("server.zone"), status.zone],
    [t("server.lateness"), two(lateness.p50Us, lateness.p99Us)],
    [t("server.sending"), two(lateness.sentP50Us, lateness.sentP99Us)],
    [t("server.runs"), t("server.runsText", { ...runs })],
    [t("server.sent"), runs.sent.toLocaleString("en")],
    [
      t("server.queued"),
      <Meter
        key="queued"
        part={share(store.queuedRows, store.capacityRows)}
        text={`${store.queuedRows} / ${store.capacityRows}`}
      />,
    ],
    [t("server.commitRows"), `${store.batchRowsP50} / ${store.batchRowsP99}`],
    [t("server.commit"), two(store.commitP50Us, store.commitP99Us)],
    [t("server.memory"), formatBytes(process.residentBytes)],
    [t("server.process"), duration(process.cpuMs)],
    [t("server.threads"), `${process.threads} / ${process.openFiles}`],
    [t("server.cleaningLast"), <LastCleaning key="last" status={status} />],
    [t("server.cleaning"), cleanedText(status, t)],
  ];
  return (
    <section className="panel" data-testid="server-facts">
      <Pairs facts={facts.map(([name, value]) => ({ name, value }))} />
    </section>
  );
}

function Readiness({ status }: { status: ServerStatus }): ReactNode {
  const t = useT();
  const why = status.notReady ?? undefined;
  return why === undefined ? (
    <span className="tone-good">{t("server.readyYes")}</span>
  ) : (
    <span className="tone-bad strong">{why}</span>
  );
}

function LastCleaning({ status }: { status: ServerStatus }): ReactNode {
  const t = useT();
  const { isRunning, endedAt, tookMs } = status.cleaning;
  if (isRunning) return t("server.cleaningRuns");
  if (endedAt === undefined || endedAt === null) return t("server.cleaningNever");
  return (
    <>
      <Time at={endedAt} /> (<Duration ms={tookMs} />)
    </>
  );
}

function cleanedText({ cleaning }: ServerStatus, t: ReturnType<typeof useT>): string {
  return t("server.cleaned", {
    instances: cleaning.instances.toLocaleString("en"),
    revisions: cleaning.jobRevisions.toLocaleString("en"),
    logs: formatBytes(cleaning.logBytes),
  });
}
