import { Fragment, type ReactNode, useState } from "react";
import { Link } from "wouter";
import type { TappedMessage } from "../api/types";
import { messageKey } from "../data/useTap";
import { useT } from "../i18n";
import { formatBytes } from "../lib/bytes";
import { formatMicros } from "../lib/duration";
import { formatClock } from "../lib/time";
import { StatusBadge } from "./Status";
import { useHoverTime } from "./Time";
import { Copyable, Json } from "./bits";

interface Props {
  messages: readonly TappedMessage[];
  /** Narrow the stream to what was clicked. */
  onFilter?: (change: Record<string, string>) => void;
}

const SHOWN = 300;
const COLUMNS = 9;

/** Messages, newest first; each opens as JSON. */
export function MessageTable({ messages, onFilter }: Props): ReactNode {
  const t = useT();
  const [open, setOpen] = useState<string>();
  return (
    <div className="scroll">
      <table className="list messages" data-testid="messages">
        <thead>
          <tr>
            <th>{t("messages.at")}</th>
            <th>{t("messages.outcome")}</th>
            <th>{t("messages.kind")}</th>
            <th>{t("messages.from")}</th>
            <th>{t("messages.to")}</th>
            <th className="right">{t("messages.waited")}</th>
            <th className="right">{t("messages.handling")}</th>
            <th className="right">{t("messages.size")}</th>
            <th>{t("messages.instances")}</th>
          </tr>
        </thead>
        <tbody>
          {messages.slice(0, SHOWN).map((message) => {
            const key = messageKey(message);
            const isOpen = open === key;
            return (
              <Fragment key={key}>
                <Row
                  message={message}
                  isOpen={isOpen}
                  onToggle={() => setOpen(isOpen ? undefined : key)}
                  onFilter={onFilter}
                />
                {isOpen && (
                  <tr className="opened">
                    <td colSpan={COLUMNS}>
                      <Body message={message} />
                    </td>
                  </tr>
                )}
              </Fragment>
            );
          })}
        </tbody>
      </table>
      {messages.length > SHOWN && (
        <p className="dim pad">{t("messages.more", { n: messages.length - SHOWN })}</p>
      )}
    </div>
  );
}

interface RowProps {
  message: TappedMessage;
  isOpen: boolean;
  onToggle: () => void;
  onFilter: Props["onFilter"];
}

function Row({ message, isOpen, onToggle, onFilter }: RowProps): ReactNode {
  const hover = useHoverTime();
  const filter = (name: string, value: string): ReactNode =>
    onFilter === undefined ? (
      value
    ) : (
      <button type="button" className="link" onClick={() => onFilter({ [name]: value })}>
        {value}
      </button>
    );
  return (
    <tr
      className={message.outcome === "ok" ? "" : "row-bad"}
      data-testid="message-row"
      data-kind={message.kind}
    >
      <td className="tight num" title={`${hover(message.at)}\n${message.node} #${message.sequence}`}>
        <button
          type="button"
          className="link num"
          aria-expanded={isOpen}
          onClick={onToggle}
          data-testid="message-open"
        >
          {isOpen ? "▾" : "▸"} {formatClock(message.at)}
        </button>
      </td>
      <td className="tight">
        <StatusBadge status={message.outcome} area="outcome" />
      </td>
      <td className="strong">{filter("kind", message.kind)}</td>
      <td className="mono">{filter("actor", message.from)}</td>
      <td className="mono">{filter("actor", message.to)}</td>
      <td className="tight right num">{formatMicros(message.waitedUs)}</td>
      <td className="tight right num">{formatMicros(message.handlingUs)}</td>
      <td className="tight right num">{formatBytes(message.sizeBytes)}</td>
      <td className="tight num">
        {message.instances.slice(0, 2).map((id) => (
          <Link key={id} href={`/instances/${id}`} className="gap-right">
            {id}
          </Link>
        ))}
        {message.instances.length > 2 && <span className="dim">+{message.instances.length - 2}</span>}
      </td>
    </tr>
  );
}

function Body({ message }: { message: TappedMessage }): ReactNode {
  const t = useT();
  const { body, ...head } = message;
  return (
    <div className="message-body" data-testid="message-body">
      {message.traceId !== "" && (
        <p>
          {t("runs.trace")} <Copyable text={message.traceId} />
        </p>
      )}
      {body === undefined || body === null ? (
        <p className="dim">{t("messages.noBody")}</p>
      ) : (
        <Json value={body} />
      )}
      <details>
        <summary>{t("messages.head")}</summary>
        <Json value={head} />
      </details>
    </div>
  );
}
