import { type ReactNode, useMemo, useState } from "react";
import { useMe } from "../../data/session";
import { useFilters } from "../../data/useFilters";
import { useTap } from "../../data/useTap";
import { useT } from "../../i18n";
import { isId } from "../../lib/ids";
import { MessageTable } from "../../ui/MessageTable";
import { TapTools } from "../../ui/TapTools";
import { Button } from "../../ui/Button";
import { Empty, Tabs } from "../../ui/bits";
import { SearchInput } from "../../ui/inputs";
import { ActorsPanel } from "./ActorsPanel";

const FILTERS = ["tab", "actor", "kind", "instanceId", "errors", "bodies"] as const;

/** The inside of the nodes: actors, and messages as they pass. Administrators only. */
export default function InspectorPage(): ReactNode {
  const t = useT();
  const me = useMe();
  const [filters, setFilters] = useFilters(FILTERS);
  if (!me.isAdministrator) return <Empty title={t("inspector.forbidden")} />;
  const tab = filters.tab === "messages" ? "messages" : "actors";
  return (
    <>
      <div className="page-head">
        <h1>{t("nav.inspector")}</h1>
        <Tabs
          tabs={[
            { key: "actors", text: t("actors.title"), testId: "tab-actors" },
            { key: "messages", text: t("messages.title"), testId: "tab-messages" },
          ]}
          current={tab}
          onSelect={(key) => setFilters({ tab: key === "actors" ? undefined : key }, { push: true })}
        />
      </div>
      {tab === "actors" ? (
        <ActorsPanel onFilter={(change) => setFilters({ ...change, tab: "messages" }, { push: true })} />
      ) : (
        <Stream />
      )}
    </>
  );
}

function Stream(): ReactNode {
  const t = useT();
  const [filters, setFilters] = useFilters(FILTERS);
  const [isPaused, setPaused] = useState(false);
  const { actor, kind, instanceId, errors, bodies } = filters;
  const wantsBodies = bodies !== "false";
  const query = useMemo(
    () => ({
      actor,
      kind,
      instanceId: instanceId !== undefined && isId(instanceId) ? instanceId : undefined,
      errors: errors === "true" ? true : undefined,
      bodies: wantsBodies ? true : undefined,
    }),
    [actor, kind, instanceId, errors, wantsBodies],
  );
  const tap = useTap(query, isPaused);
  const isAny = [actor, kind, instanceId, errors].some((value) => value !== undefined);
  const search = (name: "actor" | "kind" | "instanceId", text: string): ReactNode => (
    <SearchInput
      value={filters[name] ?? ""}
      placeholder={text}
      onChange={(value) => setFilters({ [name]: value })}
      testId={`tap-${name}`}
    />
  );
  const check = (name: "errors" | "bodies", text: string, isOn: boolean, change: string): ReactNode => (
    <label className="inline">
      <input
        type="checkbox"
        checked={isOn}
        onChange={() => setFilters({ [name]: change })}
        data-testid={`tap-${name}`}
      />
      {text}
    </label>
  );
  return (
    <section className="panel" data-testid="tap">
      <div className="filters">
        {search("actor", t("messages.filter.actor"))}
        {search("kind", t("messages.filter.kind"))}
        {search("instanceId", t("messages.filter.instance"))}
        {check("errors", t("messages.filter.errors"), errors === "true", errors === "true" ? "" : "true")}
        {check("bodies", t("messages.filter.bodies"), wantsBodies, wantsBodies ? "false" : "")}
        {isAny && (
          <Button
            small
            kind="quiet"
            icon="close"
            onClick={() => setFilters({ actor: "", kind: "", instanceId: "", errors: "" })}
          >
            {t("list.clearFilters")}
          </Button>
        )}
      </div>
      <TapTools title={t("messages.title")} tap={tap} isPaused={isPaused} onPause={setPaused} />
      {tap.messages.length === 0 ? (
        <p className="dim">{t("messages.none")}</p>
      ) : (
        <MessageTable messages={tap.messages} onFilter={(change) => setFilters(change)} />
      )}
    </section>
  );
}
