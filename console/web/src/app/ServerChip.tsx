import type { ReactNode } from "react";
import { useSession } from "../data/session";
import { useNow } from "../data/useNow";
import { useT } from "../i18n";
import { browserZone, formatTime } from "../lib/time";
import { Icon } from "../ui/Icon";
import { useDurations } from "../ui/Time";

const WARN_MS = 3000;

/** The server that answers, its zone, and a warning when the clocks differ. */
export function ServerChip(): ReactNode {
  const t = useT();
  const format = useDurations();
  const now = useNow(10_000);
  const { state } = useSession();
  if (state.kind !== "in") return null;
  const { server } = state.info;
  const ahead = state.clockAheadMs;
  const isOff = Math.abs(ahead) > WARN_MS;
  const lines = [
    t("server.node", { node: server.node, version: server.version }),
    t("server.time", { time: formatTime(now + ahead, server.zone), zone: server.zone }),
    t("server.browser", { time: formatTime(now), zone: browserZone() }),
    t("server.started", { time: formatTime(server.startedAt) }),
    t("server.workerAddress", { address: server.workerAddress }),
  ];
  return (
    <span className={isOff ? "server-chip warn" : "server-chip"} title={lines.join("\n")} data-testid="server">
      {isOff && <Icon name="warn" />}
      <span>{server.node}</span>
      <span className="dim">{server.zone}</span>
      {isOff && (
        <span role="alert">
          {t(ahead > 0 ? "server.ahead" : "server.behind", { time: format(Math.abs(ahead)) })}
        </span>
      )}
    </span>
  );
}
