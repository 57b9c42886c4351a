import { type ReactNode, Suspense, lazy, useEffect, useState } from "react";
import { Link, useLocation } from "wouter";
import type { App } from "../api/types";
import { useMe, useSession } from "../data/session";
import { type Key, useT } from "../i18n";
import { Icon, type IconName } from "../ui/Icon";
import { AppSwitcher } from "./AppSwitcher";
import { ConnectionState } from "./ConnectionState";
import { ServerChip } from "./ServerChip";
import { SignInAgain } from "./SignInAgain";
import { UserMenu } from "./UserMenu";
import { paths } from "./paths";

const Palette = lazy(() => import("./Palette"));

interface Props {
  app?: App;
  children: ReactNode;
}

interface NavEntry {
  href: string;
  text: Key;
  icon: IconName;
  isCurrent: (path: string) => boolean;
}

function appEntries(id: string): NavEntry[] {
  const below = (root: string) => (path: string) => path === root || path.startsWith(`${root}/`);
  return [
    { href: paths.app(id), text: "nav.home", icon: "home", isCurrent: (path) => path === paths.app(id) },
    { href: paths.jobs(id), text: "nav.jobs", icon: "jobs", isCurrent: below(paths.jobs(id)) },
    {
      href: paths.instances(id),
      text: "nav.instances",
      icon: "runs",
      isCurrent: below(paths.instances(id)),
    },
    {
      href: paths.calendar(id),
      text: "nav.calendar",
      icon: "calendar",
      isCurrent: below(paths.calendar(id)),
    },
    {
      href: paths.workers(id),
      text: "nav.workers",
      icon: "workers",
      isCurrent: below(paths.workers(id)),
    },
  ];
}

/** What stands around every page: where am I, who am I, is it live. */
export function Frame({ app, children }: Props): ReactNode {
  const t = useT();
  const { state } = useSession();
  const [isPaletteOpen, setPaletteOpen] = useState(false);

  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        setPaletteOpen(true);
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);

  return (
    <div className="frame">
      <a className="skip" href="#main">
        {t("nav.skip")}
      </a>
      <header className="top">
        <Link href={paths.apps} className="logo" aria-label="PowerJob">
          <img src="/favicon.svg" alt="" width={20} height={20} />
          <span>PowerJob</span>
        </Link>
        <AppSwitcher current={app} />
        <button
          type="button"
          className="palette-button"
          onClick={() => setPaletteOpen(true)}
          data-testid="palette-open"
        >
          <Icon name="search" />
          <span>{t("palette.open")}</span>
          <kbd>Ctrl K</kbd>
        </button>
        <span className="grow" />
        <ConnectionState />
        <ServerChip />
        <UserMenu />
      </header>
      <Navigation app={app} />
      <main id="main" className="page" tabIndex={-1}>
        {children}
      </main>
      {isPaletteOpen && (
        <Suspense>
          <Palette app={app} onClose={() => setPaletteOpen(false)} />
        </Suspense>
      )}
      {state.kind === "in" && state.expired !== undefined && <SignInAgain />}
    </div>
  );
}

function Navigation({ app }: { app: App | undefined }): ReactNode {
  const t = useT();
  const me = useMe();
  const [path] = useLocation();
  const general: NavEntry[] = [
    { href: paths.apps, text: "nav.apps", icon: "apps", isCurrent: (at) => at === paths.apps },
  ];
  if (me.isAdministrator) {
    general.push({
      href: paths.inspector,
      text: "nav.inspector",
      icon: "inspect",
      isCurrent: (at) => at === paths.inspector,
    });
    general.push({
      href: paths.server,
      text: "nav.server",
      icon: "bolt",
      isCurrent: (at) => at === paths.server,
    });
  }
  const entry = ({ href, text, icon, isCurrent }: NavEntry): ReactNode => (
    <Link
      key={href}
      href={href}
      className="nav-link"
      aria-current={isCurrent(path) ? "page" : undefined}
      data-testid={text.replace(".", "-")}
    >
      <Icon name={icon} size={16} />
      <span>{t(text)}</span>
    </Link>
  );
  return (
    <nav className="side" aria-label={t("nav.label")}>
      {app !== undefined && (
        <>
          <p className="nav-head" title={app.title}>
            {app.name}
          </p>
          {appEntries(app.id).map(entry)}
          <hr />
        </>
      )}
      {general.map(entry)}
    </nav>
  );
}
