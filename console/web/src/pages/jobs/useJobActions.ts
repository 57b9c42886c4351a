import { useLocation } from "wouter";
import { useApp } from "../../app/AppArea";
import { paths } from "../../app/paths";
import { api } from "../../api/endpoints";
import type { Job } from "../../api/types";
import { useT } from "../../i18n";
import { useConfirm } from "../../ui/Confirm";
import { useSay } from "../../ui/Toasts";

interface JobActions {
  copy: (job: Job) => void;
  remove: (job: Job, openInstances: number, onGone: () => void) => void;
  /** Resolves when the server agreed. */
  toggle: (job: Job, on: boolean) => Promise<void>;
}

/** What can be done to one job, from the list and from its page. */
export function useJobActions(): JobActions {
  const t = useT();
  const app = useApp();
  const say = useSay();
  const confirm = useConfirm();
  const [, navigate] = useLocation();
  return {
    copy: (job) => {
      void api
        .copyJob(job.id)
        .then((copy) => {
          say.done(t("jobs.copied", { name: copy.name }));
          navigate(paths.editJob(app.id, copy.id));
        })
        .catch(say.failed);
    },
    remove: (job, openInstances, onGone) => {
      void confirm({
        title: t("jobs.delete"),
        text: t("jobs.delete.text", { name: job.name }),
        hits: [
          t("jobs.delete.schedule", { schedule: job.scheduleText }),
          t("jobs.delete.open", { n: openInstances }),
        ],
        action: t("jobs.delete.action", { name: job.name }),
        danger: true,
        run: async () => {
          await api.deleteJob(job.id);
          say.done(t("jobs.deleted", { name: job.name }));
          onGone();
        },
      });
    },
    toggle: async (job, on) => {
      try {
        await api.switchJob(job.id, on ? "enable" : "disable");
        say.done(t(on ? "jobs.enabled" : "jobs.disabled", { name: job.name }));
      } catch (thrown) {
        say.failed(thrown);
      }
    },
  };
}
