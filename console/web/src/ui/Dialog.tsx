import { type FormEvent, type ReactNode, useEffect, useRef } from "react";
import { useT } from "../i18n";
import { Button } from "./Button";
import { Icon } from "./Icon";

interface Props {
  title: string;
  onClose: () => void;
  /** Makes the dialog a form. */
  onSubmit?: () => void;
  footer?: ReactNode;
  wide?: boolean;
  testId?: string;
  children: ReactNode;
}

/** A modal dialog: the browser's own, so focus and Escape work as everywhere. */
export function Dialog({ title, onClose, onSubmit, footer, wide = false, testId, children }: Props): ReactNode {
  const t = useT();
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = element.current;
    if (dialog !== null && !dialog.open) dialog.showModal();
    return () => dialog?.close();
  }, []);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    onSubmit?.();
  };
  const content = (
    <>
      <header>
        <h2>{title}</h2>
        <button type="button" className="icon-button" aria-label={t("action.close")} onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <div className="dialog-body">{children}</div>
      {footer !== undefined && <footer>{footer}</footer>}
    </>
  );
  return (
    <dialog
      ref={element}
      className={wide ? "dialog wide" : "dialog"}
      aria-label={title}
      data-testid={testId}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      {onSubmit === undefined ? (
        <div className="dialog-frame">{content}</div>
      ) : (
        <form className="dialog-frame" onSubmit={submit} noValidate>
          {content}
        </form>
      )}
    </dialog>
  );
}

interface FooterProps {
  action: string;
  busy: boolean;
  danger?: boolean;
  disabled?: boolean;
  onClose: () => void;
}

/** Cancel and the one thing the dialog is for. */
export function DialogFooter({ action, busy, danger = false, disabled = false, onClose }: FooterProps): ReactNode {
  const t = useT();
  return (
    <>
      <Button onClick={onClose}>{t("action.cancel")}</Button>
      <Button
        type="submit"
        kind={danger ? "danger" : "primary"}
        busy={busy}
        disabled={disabled}
        data-testid="dialog-confirm"
      >
        {action}
      </Button>
    </>
  );
}
