import type { ReactNode } from "react";
import { api } from "../../api/endpoints";
import type { InstanceSummary } from "../../api/types";
import { forEach } from "../../data/useSelection";
import { useT } from "../../i18n";
import { actionsOf } from "../../lib/status";
import { Button } from "../../ui/Button";
import { useConfirm } from "../../ui/Confirm";
import { useSay } from "../../ui/Toasts";

interface Props {
  runs: InstanceSummary[];
  onDone: () => void;
  onClear: () => void;
}

/** Stop or retry all selected runs to which it applies. */
export function InstanceBulk({ runs, onDone, onClear }: Props): ReactNode {
  const t = useT();
  const confirm = useConfirm();
  const say = useSay();
  const act = async (action: "STOP" | "RETRY", which: InstanceSummary[]): Promise<void> => {
    const key = action === "STOP" ? "bulk.stop" : "bulk.retry";
    await confirm({
      title: t(key),
      text: t(`${key}.text`, { n: which.length }),
      hits: which.map((run) => `${run.jobName} · ${run.id}`),
      action: t(key),
      danger: action === "STOP",
      run: async () => {
        const outcome = await forEach(
          which.map((run) => run.id),
          (id) => api.act(id, action),
        );
        onDone();
        if (outcome.done > 0) say.done(t(`${key}.done`, { n: outcome.done }));
        if (outcome.failed[0] !== undefined) say.failed(outcome.failed[0].error);
        onClear();
      },
    });
  };
  const fitting = (action: "STOP" | "RETRY"): InstanceSummary[] =>
    runs.filter((run) => actionsOf(run.status).includes(action));
  const stoppable = fitting("STOP");
  const retriable = fitting("RETRY");
  return (
    <div className="bulk" data-testid="bulk">
      <strong>{t("list.selected", { n: runs.length })}</strong>
      <Button
        small
        icon="stop"
        disabled={stoppable.length === 0}
        onClick={() => void act("STOP", stoppable)}
        data-testid="bulk-stop"
      >
        {t("bulk.stop.n", { n: stoppable.length })}
      </Button>
      <Button
        small
        icon="retry"
        disabled={retriable.length === 0}
        onClick={() => void act("RETRY", retriable)}
        data-testid="bulk-retry"
      >
        {t("bulk.retry.n", { n: retriable.length })}
      </Button>
      <Button small kind="quiet" onClick={onClear}>
        {t("list.clear")}
      </Button>
    </div>
  );
}
