import { Fragment, type ReactNode, useState } from "react";
import { api } from "../../api/endpoints";
import type { NodeActors } from "../../api/types";
import { useResource } from "../../data/useResource";
import { useT, useWord } from "../../i18n";
import { type ActorNode, actorTree } from "../../lib/actorTree";
import { share } from "../../lib/bytes";
import { formatMicros } from "../../lib/duration";
import { ErrorBox } from "../../ui/ErrorBox";
import { Icon } from "../../ui/Icon";
import { Meter, Spinner } from "../../ui/bits";

const REFRESH_MS = 2000;
const SLOW_US = 100_000;

interface Props {
  onFilter: (change: Record<string, string>) => void;
}

/** The live actors of every node with their queues and times. */
export function ActorsPanel({ onFilter }: Props): ReactNode {
  const t = useT();
  const actors = useResource("actors", (signal) => api.actors(signal), { pollMs: REFRESH_MS });
  return (
    <section className="panel" data-testid="actors">
      <h2>
        {t("actors.title")}
        <span className="dim small">{t("actors.hint")}</span>
      </h2>
      {actors.error !== undefined && <ErrorBox error={actors.error} onRetry={actors.reload} />}
      {actors.data === undefined && actors.error === undefined && <Spinner />}
      {actors.data?.map((node) => (
        <NodeTree key={`${node.role}/${node.node}`} node={node} onFilter={onFilter} />
      ))}
    </section>
  );
}

function NodeTree({ node, onFilter }: { node: NodeActors } & Props): ReactNode {
  const t = useT();
  const word = useWord();
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const toggle = (path: string): void => {
    setClosed((old) => {
      const next = new Set(old);
      if (!next.delete(path)) next.add(path);
      return next;
    });
  };
  const rows = (nodes: ActorNode[], level: number): ReactNode =>
    nodes.map((entry) => (
      <Fragment key={entry.path}>
        <ActorRow
          entry={entry}
          level={level}
          isClosed={closed.has(entry.path)}
          onToggle={() => toggle(entry.path)}
          onFilter={onFilter}
        />
        {!closed.has(entry.path) && rows(entry.children, level + 1)}
      </Fragment>
    ));
  return (
    <details open className="node">
      <summary>
        <Icon name={node.role === "server" ? "bolt" : "workers"} /> <strong>{node.node}</strong>{" "}
        <span className="dim">
          {word("role", node.role)} · {t("actors.count", { n: node.actors.length })}
        </span>
      </summary>
      {node.error !== null && node.error !== undefined && <p className="notice bad">{node.error}</p>}
      {node.actors.length > 0 && (
        <div className="scroll">
          <table className="list actors">
            <thead>
              <tr>
                <th>{t("actors.path")}</th>
                <th>{t("actors.depth")}</th>
                <th className="right">{t("actors.rate")}</th>
                <th className="right">p50</th>
                <th className="right">p99</th>
                <th className="right">{t("actors.handled")}</th>
                <th className="right">{t("actors.refused")}</th>
                <th className="right">{t("actors.restarts")}</th>
              </tr>
            </thead>
            <tbody>{rows(actorTree(node.actors), 0)}</tbody>
          </table>
        </div>
      )}
    </details>
  );
}

interface RowProps extends Props {
  entry: ActorNode;
  level: number;
  isClosed: boolean;
  onToggle: () => void;
}

function ActorRow({ entry, level, isClosed, onToggle, onFilter }: RowProps): ReactNode {
  const t = useT();
  const { actor } = entry;
  const hasTrouble = actor !== undefined && (actor.refused > 0 || actor.restarts > 0);
  return (
    <tr className={hasTrouble ? "row-warn" : ""} data-testid="actor-row" data-path={entry.path}>
      <td style={{ paddingInlineStart: 8 + level * 16 }} className="mono">
        {entry.children.length > 0 ? (
          <button type="button" className="link" aria-expanded={!isClosed} onClick={onToggle}>
            {isClosed ? "▸" : "▾"}
          </button>
        ) : (
          <span className="leaf" />
        )}{" "}
        <button
          type="button"
          className="link"
          title={t("actors.filter", { path: entry.path })}
          onClick={() => onFilter({ actor: entry.path })}
        >
          {entry.name}
        </button>
        {entry.children.length > 0 && <span className="dim"> {entry.count}</span>}
      </td>
      {actor === undefined ? (
        <td colSpan={7} className="dim num">
          {entry.depth > 0 ? t("actors.below", { n: entry.depth }) : ""}
        </td>
      ) : (
        <>
          <td className="tight">
            <Meter part={share(actor.depth, actor.capacity)} text={`${actor.depth} / ${actor.capacity}`} />
          </td>
          <td className="right num">{t("actors.perSecond", { n: formatRate(actor.rate) })}</td>
          <td className="right num">{formatMicros(actor.p50Us)}</td>
          <td className={actor.p99Us > SLOW_US ? "right num tone-warn" : "right num"}>
            {formatMicros(actor.p99Us)}
          </td>
          <td className="right num dim">{actor.handled.toLocaleString("en")}</td>
          <td className={actor.refused > 0 ? "right num tone-bad strong" : "right num dim"}>{actor.refused}</td>
          <td className={actor.restarts > 0 ? "right num tone-bad strong" : "right num dim"}>{actor.restarts}</td>
        </>
      )}
    </tr>
  );
}

function formatRate(rate: number): string {
  return rate >= 100 ? rate.toFixed(0) : rate.toFixed(1);
}
