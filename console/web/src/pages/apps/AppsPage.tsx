import { type ReactNode, useState } from "react";
import { Link } from "wouter";
import { paths } from "../../app/paths";
import { api } from "../../api/endpoints";
import type { App, AppWithSecret } from "../../api/types";
import { useFilters } from "../../data/useFilters";
import { useNow } from "../../data/useNow";
import { useResource } from "../../data/useResource";
import { useMe } from "../../data/session";
import { useT } from "../../i18n";
import { byWorstFirst, healthOf } from "../../lib/health";
import { Button } from "../../ui/Button";
import { useConfirm } from "../../ui/Confirm";
import { ErrorBox } from "../../ui/ErrorBox";
import { Icon } from "../../ui/Icon";
import { Menu } from "../../ui/Menu";
import { useRelative } from "../../ui/Time";
import { useSay } from "../../ui/Toasts";
import { Empty, Spinner } from "../../ui/bits";
import { SearchInput } from "../../ui/inputs";
import { AppForm } from "./AppForm";
import { ClientPasswordDialog } from "./ClientPasswordDialog";
import { SecretDialog } from "./SecretDialog";

const POLL_MS = 5000;

type Open =
  | { kind: "create" }
  | { kind: "edit"; app: App }
  | { kind: "password"; app: App }
  | { kind: "secret"; made: AppWithSecret; isNew: boolean };

export default function AppsPage(): ReactNode {
  const t = useT();
  const me = useMe();
  const [filters, setFilters] = useFilters(["query", "tag"]);
  const [open, setOpen] = useState<Open>();
  const query = { query: filters.query, tag: filters.tag, limit: 500 };
  const apps = useResource(
    `apps/${filters.query ?? ""}/${filters.tag ?? ""}`,
    (signal) => api.apps(signal, query),
    { pollMs: POLL_MS, keep: true },
  );
  const items = (apps.data?.items ?? []).toSorted(byWorstFirst);
  const isFiltered = filters.query !== undefined || filters.tag !== undefined;

  return (
    <>
      <div className="page-head">
        <h1>{t("nav.apps")}</h1>
        <SearchInput
          value={filters.query ?? ""}
          placeholder={t("apps.search")}
          onChange={(text) => setFilters({ query: text })}
          testId="apps-search"
        />
        {filters.tag !== undefined && (
          <button type="button" className="chip" onClick={() => setFilters({ tag: undefined })}>
            {t("apps.tag", { tag: filters.tag })}
            <Icon name="close" size={10} />
          </button>
        )}
        <span className="grow" />
        {me.isAdministrator && (
          <Button
            kind="primary"
            icon="plus"
            onClick={() => setOpen({ kind: "create" })}
            data-testid="app-create"
          >
            {t("apps.create")}
          </Button>
        )}
      </div>
      {apps.error !== undefined && <ErrorBox error={apps.error} onRetry={apps.reload} />}
      {apps.data === undefined && apps.loading && <Spinner />}
      {apps.data !== undefined && items.length === 0 && (
        <Empty title={isFiltered ? t("list.nothing") : t("apps.empty")}>
          {!isFiltered && <p>{me.isAdministrator ? t("apps.empty.admin") : t("apps.empty.member")}</p>}
        </Empty>
      )}
      <div className="cards">
        {items.map((app) => (
          <AppCard
            key={app.id}
            app={app}
            onEdit={() => setOpen({ kind: "edit", app })}
            onSecret={(made) => setOpen({ kind: "secret", made, isNew: false })}
            onPassword={() => setOpen({ kind: "password", app })}
            onGone={apps.reload}
            onTag={(tag) => setFilters({ tag })}
          />
        ))}
      </div>
      {(open?.kind === "create" || open?.kind === "edit") && (
        <AppForm
          {...(open.kind === "edit" ? { app: open.app } : {})}
          onClose={() => setOpen(undefined)}
          onMade={(made) => {
            apps.reload();
            setOpen({ kind: "secret", made, isNew: true });
          }}
          onSaved={() => {
            apps.reload();
            setOpen(undefined);
          }}
        />
      )}
      {open?.kind === "password" && (
        <ClientPasswordDialog app={open.app} onClose={() => setOpen(undefined)} />
      )}
      {open?.kind === "secret" && (
        <SecretDialog made={open.made} isNew={open.isNew} onClose={() => setOpen(undefined)} />
      )}
    </>
  );
}

interface CardProps {
  app: App;
  onEdit: () => void;
  onSecret: (made: AppWithSecret) => void;
  onPassword: () => void;
  onGone: () => void;
  onTag: (tag: string) => void;
}

function AppCard({ app, onEdit, onSecret, onPassword, onGone, onTag }: CardProps): ReactNode {
  const t = useT();
  const now = useNow(10_000);
  const relative = useRelative();
  const { health } = app;
  const numbers = [
    { text: t("apps.workers"), value: health.workersOnline, href: paths.workers(app.id), tone: healthOf(health) === "warn" ? "warn" : "" },
    { text: t("apps.open"), value: health.openInstances, href: paths.instances(app.id, "?status=OPEN"), tone: "" },
    { text: t("apps.failed"), value: health.failedLastDay, href: paths.instances(app.id, "?status=FAILED&range=24h"), tone: health.failedLastDay > 0 ? "bad" : "" },
    { text: t("apps.succeeded"), value: health.succeededLastDay, href: paths.instances(app.id, "?status=SUCCEED&range=24h"), tone: "" },
    { text: t("apps.jobs"), value: health.jobs, href: paths.jobs(app.id), tone: "" },
  ];
  return (
    <article className={`card health-${healthOf(health)}`} data-testid="app-card" data-app={app.name}>
      <header>
        <HealthMark app={app} />
        <h2>
          <Link href={paths.app(app.id)} data-testid="app-enter">
            {app.name}
          </Link>
        </h2>
        <span className="dim ellipsis" title={app.title}>
          {app.title}
        </span>
        <span className="grow" />
        <AppMenu app={app} onEdit={onEdit} onSecret={onSecret} onPassword={onPassword} onGone={onGone} />
      </header>
      <div className="numbers">
        {numbers.map(({ text, value, href, tone }) => (
          <Link key={text} href={href} className={tone === "" ? "number-link" : `number-link tone-${tone}`}>
            <strong className="num">{value}</strong>
            <span>{text}</span>
          </Link>
        ))}
      </div>
      <footer>
        <span className="dim">
          {health.nextTriggerAt === null || health.nextTriggerAt === undefined
            ? t("apps.noTrigger")
            : t("apps.nextTrigger", { time: relative(health.nextTriggerAt, now) })}
        </span>
        <span className="grow" />
        {app.tags.map((tag) => (
          <button key={tag} type="button" className="tag" onClick={() => onTag(tag)}>
            {tag}
          </button>
        ))}
      </footer>
    </article>
  );
}

function HealthMark({ app }: { app: App }): ReactNode {
  const t = useT();
  const health = healthOf(app.health);
  const icon = health === "bad" ? "warn" : health === "warn" ? "pause" : health === "good" ? "check" : "more";
  return (
    <span className={`health tone-${health}`} title={t(`health.${health}`)} role="img" aria-label={t(`health.${health}`)}>
      <Icon name={icon} size={16} />
    </span>
  );
}

function AppMenu({ app, onEdit, onSecret, onPassword, onGone }: Omit<CardProps, "onTag">): ReactNode {
  const t = useT();
  const confirm = useConfirm();
  const say = useSay();
  if (!app.permissions.includes("SU") && !app.permissions.includes("WRITE")) return null;

  const rotate = (): void => {
    void confirm({
      title: t("apps.rotate"),
      text: t("apps.rotate.text", { app: app.name, workers: app.health.workersOnline }),
      action: t("apps.rotate.action"),
      danger: true,
      run: async () => onSecret(await api.rotateSecret(app.id)),
    });
  };
  const remove = (): void => {
    void confirm({
      title: t("apps.delete"),
      text: t("apps.delete.text", { app: app.name }),
      hits: [
        t("apps.delete.jobs", { count: app.health.jobs }),
        t("apps.delete.open", { count: app.health.openInstances }),
        t("apps.delete.workers", { count: app.health.workersOnline }),
      ],
      action: t("apps.delete.action", { app: app.name }),
      danger: true,
      run: async () => {
        await api.deleteApp(app.id);
        onGone();
        say.done(t("apps.deleted", { app: app.name }));
      },
    });
  };
  return (
    <Menu
      label={t("apps.menu", { app: app.name })}
      trigger={<Icon name="more" />}
      testId="app-menu"
      items={[
        { text: t("action.edit"), icon: "edit", onSelect: onEdit, testId: "app-edit" },
        { text: t("apps.rotate"), icon: "key", onSelect: rotate, testId: "app-rotate" },
        { text: t("apps.client"), icon: "key", onSelect: onPassword, testId: "app-client-password" },
        { text: t("action.delete"), icon: "trash", danger: true, onSelect: remove, testId: "app-delete" },
      ]}
    />
  );
}

