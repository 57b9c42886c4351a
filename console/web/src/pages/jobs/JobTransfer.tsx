import { type ChangeEvent, type ReactNode, useRef, useState } from "react";
import { useApp, useRights } from "../../app/AppArea";
import { api } from "../../api/endpoints";
import { asApiError } from "../../api/problem";
import type { JobInput } from "../../api/types";
import type { Filters } from "../../data/useFilters";
import { useT } from "../../i18n";
import { saveFile } from "../../lib/transfer";
import { useErrorText } from "../../ui/ErrorBox";
import { Icon } from "../../ui/Icon";
import { Menu } from "../../ui/Menu";
import { useSay } from "../../ui/Toasts";
import { draftOf, readDraft } from "../jobForm/draft";

const PAGE = 500;

interface Props {
  filters: Filters;
  onImported: () => void;
}

/** All jobs of the filtered list as a file, and jobs of such a file as new ones, switched off. */
export function JobTransfer({ filters, onImported }: Props): ReactNode {
  const t = useT();
  const app = useApp();
  const { write } = useRights();
  const say = useSay();
  const errorText = useErrorText();
  const file = useRef<HTMLInputElement>(null);
  const [problems, setProblems] = useState<string[]>([]);

  const save = async (): Promise<void> => {
    const jobs: JobInput[] = [];
    const { query, enabled, tag } = filters;
    let cursor: string | undefined;
    do {
      const page = await api.jobs(app.id, { query, enabled, tag, sort: "id", limit: PAGE, cursor });
      jobs.push(...page.items.map(({ job }) => draftOf(job)));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    saveFile(`${app.name}-jobs.json`, "application/json", JSON.stringify(jobs, null, 2));
  };
  const load = async (event: ChangeEvent<HTMLInputElement>): Promise<void> => {
    const chosen = event.target.files?.[0];
    event.target.value = "";
    if (chosen === undefined) return;
    const wrong: string[] = [];
    let done = 0;
    for (const entry of readJobs(await chosen.text())) {
      const read = readDraft(JSON.stringify(entry), t);
      const name = String((entry as { name?: unknown } | null)?.name ?? "?");
      if ("error" in read) {
        wrong.push(t("jobs.import.wrong", { name, reason: read.error }));
        continue;
      }
      try {
        await api.createJob(app.id, { ...read.draft, enabled: false });
        done += 1;
      } catch (thrown) {
        const error = asApiError(thrown);
        const fields = error.fields.map(({ field, reason }) => `${field} ${reason}`).join("; ");
        wrong.push(t("jobs.import.wrong", { name, reason: fields || errorText(error) }));
      }
    }
    if (done === 0 && wrong.length === 0) wrong.push(t("jobs.import.none"));
    if (done > 0) say.done(t("jobs.imported", { n: done }));
    setProblems(wrong);
    onImported();
  };

  return (
    <>
      <input
        ref={file}
        type="file"
        accept="application/json,.json"
        hidden
        aria-label={t("jobs.import")}
        onChange={(event) => void load(event)}
        data-testid="jobs-file"
      />
      <Menu
        label={t("jobs.export")}
        testId="jobs-transfer"
        trigger={<Icon name="download" />}
        items={[
          {
            text: t("jobs.export.all"),
            icon: "download",
            onSelect: () => void save().catch(say.failed),
            testId: "jobs-export",
          },
          ...(write
            ? [{ text: t("jobs.import"), icon: "plus" as const, onSelect: () => file.current?.click(), testId: "jobs-import" }]
            : []),
        ]}
      />
      {problems.length > 0 && (
        <div className="notice bad wide" role="alert" data-testid="import-problems">
          {problems.map((problem) => (
            <p key={problem}>{problem}</p>
          ))}
        </div>
      )}
    </>
  );
}

/** The jobs of a file: a list, or a single one. */
function readJobs(text: string): unknown[] {
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? parsed : [parsed];
  } catch {
    return [];
  }
}
