import { type ReactNode, useState } from "react";
import { Link, useLocation } from "wouter";
import { useApp } from "../../app/AppArea";
import { paths } from "../../app/paths";
import type { JobSummary } from "../../api/types";
import { useT, useWord } from "../../i18n";
import { Button, Switch } from "../../ui/Button";
import { Icon } from "../../ui/Icon";
import { Menu, type MenuItem } from "../../ui/Menu";
import { RunBars } from "../../ui/RunBars";
import { ScheduleText } from "../../ui/ScheduleText";
import { StatusMark } from "../../ui/Status";
import { Time, useRelative } from "../../ui/Time";
import type { Columns } from "../../ui/Columns";
import { useJobActions } from "./useJobActions";

interface Props {
  summary: JobSummary;
  now: number;
  columns: Columns;
  isSelected: boolean;
  onSelect: () => void;
  rights: { write: boolean; operate: boolean };
  onRun: () => void;
  onChanged: () => void;
  onTag: (tag: string) => void;
}

export function JobRow({ summary, now, columns, isSelected, onSelect, rights, onRun, onChanged, onTag }: Props): ReactNode {
  const t = useT();
  const word = useWord();
  const relative = useRelative();
  const app = useApp();
  const [, navigate] = useLocation();
  const actions = useJobActions();
  const [isSwitching, setSwitching] = useState(false);
  const { job, recentRuns, openInstances } = summary;
  const last = recentRuns[0];
  const lastEnded = recentRuns.find((run) => run.finishedAt !== null && run.finishedAt !== undefined);
  const isFailing = lastEnded?.status === "FAILED";

  const toggle = async (on: boolean): Promise<void> => {
    setSwitching(true);
    await actions.toggle(job, on);
    onChanged();
    setSwitching(false);
  };
  const items: MenuItem[] = [
    {
      text: t("jobs.history"),
      icon: "runs",
      onSelect: () => navigate(paths.instances(app.id, `?jobId=${job.id}`)),
      testId: "job-history",
    },
  ];
  if (rights.write) {
    items.unshift({
      text: t("action.edit"),
      icon: "edit",
      onSelect: () => navigate(paths.editJob(app.id, job.id)),
      testId: "job-edit",
    });
    items.push(
      { text: t("jobs.copy"), icon: "copy", onSelect: () => actions.copy(job), testId: "job-copy" },
      {
        text: t("action.delete"),
        icon: "trash",
        danger: true,
        onSelect: () => actions.remove(job, openInstances, onChanged),
        testId: "job-delete",
      },
    );
  }

  return (
    <tr
      className={isFailing ? "row-bad" : ""}
      aria-selected={isSelected}
      data-testid="job-row"
      data-job={job.name}
      data-id={job.id}
    >
      <td className="tight">
        <input
          type="checkbox"
          aria-label={t("list.select", { name: job.name })}
          checked={isSelected}
          onChange={onSelect}
          data-testid="job-select"
        />
      </td>
      <td className="tight">
        <Switch
          on={job.enabled}
          busy={isSwitching}
          disabled={!rights.write}
          label={t(job.enabled ? "jobs.switchOff" : "jobs.switchOn", { name: job.name })}
          onChange={(on) => void toggle(on)}
          testId="job-switch"
        />
      </td>
      <td>
        <Link href={paths.job(app.id, job.id)} className="strong" data-testid="job-open">
          {job.name}
        </Link>
        {job.tag !== "" && (
          <button type="button" className="tag" onClick={() => onTag(job.tag)}>
            {job.tag}
          </button>
        )}
        {job.description !== "" && <div className="dim ellipsis">{job.description}</div>}
      </td>
      {columns.has("schedule") && (
        <td className="schedule">
          <ScheduleText schedule={job.schedule} text={job.scheduleText} />
        </td>
      )}
      {columns.has("recent") && (
        <td className="tight">
          <RunBars appId={app.id} runs={recentRuns} slots={10} now={now} />
        </td>
      )}
      {columns.has("last") && (
        <td className="tight">
          {last === undefined ? (
            <span className="dim">{t("jobs.never")}</span>
          ) : (
            <Link href={paths.instance(app.id, last.id)} className="with-mark">
              <StatusMark status={last.status} />
              <Time at={last.startedAt ?? last.expectedAt} />
            </Link>
          )}
          {openInstances > 1 && (
            <Link href={paths.instances(app.id, `?jobId=${job.id}&status=OPEN`)} className="open-count">
              {t("jobs.open", { n: openInstances })}
            </Link>
          )}
        </td>
      )}
      {columns.has("next") && (
        <td className="tight">
          <Time at={job.nextTriggerAt} />
          {job.nextTriggerAt !== null && job.nextTriggerAt !== undefined && (
            <span className="dim num if-wide"> {relative(job.nextTriggerAt, now)}</span>
          )}
        </td>
      )}
      {columns.has("what") && (
        <td className="ellipsis dim" title={job.processor}>
          {word("execute", job.executeType)} · {word("processor", job.processorType)}
          {job.processorType === "BUILT_IN" && ` · ${job.processor}`}
        </td>
      )}
      {columns.has("id") && <td className="tight num dim">{job.id}</td>}
      <td className="actions">
        {rights.operate && (
          <Button
            small
            icon="play"
            onClick={onRun}
            title={t("run.title", { job: job.name })}
            data-testid="job-run"
          >
            {t("jobs.run")}
          </Button>
        )}
        <Menu
          label={t("jobs.menu", { name: job.name })}
          trigger={<Icon name="more" />}
          items={items}
          testId="job-menu"
        />
      </td>
    </tr>
  );
}
