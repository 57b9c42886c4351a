import { type ReactNode, useState } from "react";
import { Link } from "wouter";
import type { ServerStatus } from "../../api/types";
import { paths } from "../../app/paths";
import { useT } from "../../i18n";
import { share } from "../../lib/bytes";
import { formatMicros } from "../../lib/duration";
import { Time } from "../../ui/Time";
import { Meter } from "../../ui/bits";

interface TableProps {
  title: string;
  testId: string;
  head: readonly string[];
  children: ReactNode;
}

function Table({ title, testId, head, children }: TableProps): ReactNode {
  return (
    <section className="panel" data-testid={testId}>
      <h2>{title}</h2>
      <div className="scroll">
        <table className="list">
          <thead>
            <tr>
              {head.map((name) => (
                <th key={name}>{name}</th>
              ))}
            </tr>
          </thead>
          <tbody>{children}</tbody>
        </table>
      </div>
    </section>
  );
}

/** The servers that the database knows. */
export function Servers({ servers }: Pick<ServerStatus, "servers">): ReactNode {
  const t = useT();
  const head = [t("server.node"), t("server.address"), t("server.epoch"), t("nav.apps"), t("server.since")];
  return (
    <Table title={t("server.servers")} testId="servers" head={head}>
      {servers.map((server) => (
        <tr key={server.node}>
          <td>
            <strong>{server.node}</strong>
            {server.isThis && <span className="dim"> {t("server.this")}</span>}
          </td>
          <td className="mono">{server.workerAddress}</td>
          <td className="num">{server.epoch}</td>
          <td className="num">{server.apps}</td>
          <td>
            <Time at={server.acquiredAt} />
          </td>
        </tr>
      ))}
    </Table>
  );
}

/** The applications that the server owns. */
export function OwnedApps({ apps }: Pick<ServerStatus, "apps">): ReactNode {
  const t = useT();
  return (
    <Table title={t("server.apps")} testId="owned-apps" head={[t("server.app"), t("server.epoch")]}>
      {apps.map((app) => (
        <tr key={app.id}>
          <td>
            <Link href={paths.app(app.id)}>{app.name === "" ? app.id : app.name}</Link>
          </td>
          <td className="num">{app.epoch}</td>
        </tr>
      ))}
      {apps.length === 0 && (
        <tr>
          <td colSpan={2} className="dim">
            {t("server.noApps")}
          </td>
        </tr>
      )}
    </Table>
  );
}

/** The queues of the server's actors. */
export function ActorQueues({ actors }: Pick<ServerStatus, "actors">): ReactNode {
  const t = useT();
  const head = [t("actors.path"), t("actors.depth"), t("actors.rate"), "p50", "p99", t("actors.refused")];
  return (
    <Table title={t("server.actors")} testId="server-actors" head={head}>
      {actors.map((actor) => (
        <tr key={actor.path} className={actor.refused > 0 ? "row-warn" : ""}>
          <td className="mono">{actor.path}</td>
          <td className="tight">
            <Meter part={share(actor.depth, actor.capacity)} text={`${actor.depth} / ${actor.capacity}`} />
          </td>
          <td className="num">{t("actors.perSecond", { n: actor.rate.toFixed(1) })}</td>
          <td className="num">{formatMicros(actor.p50Us)}</td>
          <td className="num">{formatMicros(actor.p99Us)}</td>
          <td className={actor.refused > 0 ? "num tone-bad strong" : "num dim"}>{actor.refused}</td>
        </tr>
      ))}
    </Table>
  );
}

/** What is configured and where it comes from; secrets come masked. */
export function Settings({ settings }: Pick<ServerStatus, "settings">): ReactNode {
  const t = useT();
  const [onlyChanged, setOnlyChanged] = useState(false);
  const isDefault = (origin: string): boolean => origin === "default";
  const shown = settings.filter((setting) => !onlyChanged || !isDefault(setting.origin));
  return (
    <>
      <label className="inline">
        <input
          type="checkbox"
          checked={onlyChanged}
          onChange={() => setOnlyChanged(!onlyChanged)}
          data-testid="settings-changed"
        />
        {t("server.onlyChanged")}
      </label>
      <Table
        title={t("server.settings")}
        testId="settings"
        head={[t("server.setting"), t("server.value"), t("server.origin")]}
      >
        {shown.map((setting) => (
          <tr key={setting.name}>
            <td className="mono">{setting.name}</td>
            <td className="mono">{setting.value ?? "–"}</td>
            <td className={isDefault(setting.origin) ? "dim" : "strong"}>
              {isDefault(setting.origin) ? t("server.default") : setting.origin}
            </td>
          </tr>
        ))}
      </Table>
    </>
  );
}
