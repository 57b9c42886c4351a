import { type ReactNode, useMemo, useState } from "react";
import { useTap } from "../../data/useTap";
import { useT } from "../../i18n";
import { MessageTable } from "../../ui/MessageTable";
import { TapTools } from "../../ui/TapTools";

/** Every message that concerned this run, on all nodes, while it is watched. */
export default function MessagesPanel({ instanceId }: { instanceId: string }): ReactNode {
  const t = useT();
  const [isPaused, setPaused] = useState(false);
  const query = useMemo(() => ({ instanceId, bodies: true }), [instanceId]);
  const tap = useTap(query, isPaused);
  return (
    <section className="panel" data-testid="instance-messages">
      <TapTools title={t("messages.ofInstance")} tap={tap} isPaused={isPaused} onPause={setPaused} />
      {tap.messages.length === 0 ? (
        <p className="dim">{t("messages.none")}</p>
      ) : (
        <MessageTable messages={tap.messages} />
      )}
    </section>
  );
}
