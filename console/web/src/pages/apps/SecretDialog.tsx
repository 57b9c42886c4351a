import type { ReactNode } from "react";
import { Link } from "wouter";
import { paths } from "../../app/paths";
import type { AppWithSecret } from "../../api/types";
import { useT } from "../../i18n";
import { Button } from "../../ui/Button";
import { ConnectGuide } from "../../ui/ConnectGuide";
import { Dialog } from "../../ui/Dialog";
import { Copyable } from "../../ui/bits";

interface Props {
  made: AppWithSecret;
  isNew: boolean;
  onClose: () => void;
}

/** The secret of the workers, once, with what to do with it. */
export function SecretDialog({ made, isNew, onClose }: Props): ReactNode {
  const t = useT();
  const { app, workerSecret } = made;
  return (
    <Dialog
      title={isNew ? t("apps.made", { app: app.name }) : t("apps.rotated", { app: app.name })}
      testId="secret-dialog"
      wide
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose} data-testid="secret-close">
            {t("apps.secret.kept")}
          </Button>
          <Link
            href={paths.app(app.id)}
            className="button primary"
            onClick={onClose}
            data-testid="secret-enter"
          >
            {t("apps.enter", { app: app.name })}
          </Link>
        </>
      }
    >
      <p className="notice">{isNew ? t("apps.secret.once") : t("apps.secret.rotated")}</p>
      <div data-testid="worker-secret">
        <Copyable text={workerSecret} block />
      </div>
      <h3>{t("connect.title")}</h3>
      <ConnectGuide appName={app.name} secret={workerSecret} />
    </Dialog>
  );
}
