import { type ReactNode, useState } from "react";
import { api } from "../../api/endpoints";
import type { ServerStatus } from "../../api/types";
import { useMe } from "../../data/session";
import { type Resource, useResource } from "../../data/useResource";
import { useT } from "../../i18n";
import { Button } from "../../ui/Button";
import { ErrorBox } from "../../ui/ErrorBox";
import { Icon } from "../../ui/Icon";
import { useSay } from "../../ui/Toasts";
import { Empty, Spinner } from "../../ui/bits";
import { ActorQueues, OwnedApps, Servers, Settings } from "./tables";
import { ServerFacts } from "./ServerFacts";

const REFRESH_MS = 2000;

/** How the server is that answers, and the others it knows. Administrators only. */
export default function ServerPage(): ReactNode {
  const t = useT();
  const me = useMe();
  const key = me.isAdministrator ? "server" : undefined;
  const server = useResource(key, (signal) => api.server(signal), { pollMs: REFRESH_MS });
  if (!me.isAdministrator) return <Empty title={t("server.forbidden")} />;
  return (
    <>
      <div className="page-head">
        <h1>{t("server.title")}</h1>
        <span className="dim small">{t("server.hint", { n: REFRESH_MS / 1000 })}</span>
        <span className="grow" />
        {server.data !== undefined && <CleanButton server={server} />}
      </div>
      {server.error !== undefined && <ErrorBox error={server.error} onRetry={server.reload} />}
      {server.data === undefined && server.error === undefined && <Spinner />}
      {server.data !== undefined && (
        <>
          <OpenDoor settings={server.data.settings} />
          <ServerFacts status={server.data} />
          <Servers servers={server.data.servers} />
          <OwnedApps apps={server.data.apps} />
          <ActorQueues actors={server.data.actors} />
          <Settings settings={server.data.settings} />
        </>
      )}
    </>
  );
}

/** Says so while workers come in without a proof. */
function OpenDoor({ settings }: Pick<ServerStatus, "settings">): ReactNode {
  const t = useT();
  const door = settings.find((setting) => setting.name === "server.allow_unproven_workers");
  if (door?.value !== "true") return null;
  return (
    <div className="error-box" role="alert" data-testid="open-door">
      <Icon name="warn" size={16} />
      <div>
        <strong>{t("server.openDoor")}</strong>
        <p>{t("server.openDoorWhy", { setting: door.name })}</p>
      </div>
    </div>
  );
}

function CleanButton({ server }: { server: Resource<ServerStatus> }): ReactNode {
  const t = useT();
  const say = useSay();
  const [isAsked, setAsked] = useState(false);
  const clean = async (): Promise<void> => {
    setAsked(true);
    try {
      const cleaning = await api.cleanNow();
      server.patch((status) => ({ ...status, cleaning }));
    } catch (error) {
      say.failed(error);
    } finally {
      setAsked(false);
    }
  };
  const isBusy = isAsked || server.data?.cleaning.isRunning === true;
  return (
    <Button icon="trash" busy={isBusy} onClick={() => void clean()} data-testid="clean-now">
      {t("server.clean")}
    </Button>
  );
}
