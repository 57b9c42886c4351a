import type { ReactNode } from "react";
import { useApp, useRights } from "../../app/AppArea";
import { paths } from "../../app/paths";
import { api } from "../../api/endpoints";
import type { Job } from "../../api/types";
import { forEach } from "../../data/useSelection";
import { useT } from "../../i18n";
import { Button } from "../../ui/Button";
import { useConfirm } from "../../ui/Confirm";
import { useSay } from "../../ui/Toasts";

interface Props {
  jobs: Job[];
  onDone: () => void;
  onClear: () => void;
}

/** What can be done to all selected jobs; each asks once and names them. */
export function BulkBar({ jobs, onDone, onClear }: Props): ReactNode {
  const t = useT();
  const app = useApp();
  const { write, operate } = useRights();
  const confirm = useConfirm();
  const say = useSay();

  const act = async (what: "enable" | "disable" | "run"): Promise<void> => {
    const open = paths.instances(app.id, "?status=OPEN");
    await confirm({
      title: t(`bulk.${what}`),
      text: t(`bulk.${what}.text`, { n: jobs.length }),
      hits: jobs.map((job) => job.name),
      action: t(`bulk.${what}`),
      run: async () => {
        const ids = jobs.map((job) => job.id);
        const outcome = await forEach(ids, (id) =>
          what === "run" ? api.runJob(id, { delayMs: 0 }) : api.switchJob(id, what),
        );
        onDone();
        if (outcome.done > 0) {
          const link = what === "run" ? { href: open, text: t("bulk.seeRuns") } : undefined;
          say.done(t(`bulk.${what}.done`, { n: outcome.done }), link);
        }
        // once is enough: the same cause for all is the rule
        if (outcome.failed[0] !== undefined) say.failed(outcome.failed[0].error);
        onClear();
      },
    });
  };

  return (
    <div className="bulk" data-testid="bulk">
      <strong>{t("list.selected", { n: jobs.length })}</strong>
      {write && (
        <>
          <Button small onClick={() => void act("enable")} data-testid="bulk-enable">
            {t("bulk.enable")}
          </Button>
          <Button small onClick={() => void act("disable")} data-testid="bulk-disable">
            {t("bulk.disable")}
          </Button>
        </>
      )}
      {operate && (
        <Button small icon="play" onClick={() => void act("run")} data-testid="bulk-run">
          {t("bulk.run")}
        </Button>
      )}
      <Button small kind="quiet" onClick={onClear}>
        {t("list.clear")}
      </Button>
    </div>
  );
}
