import { type ReactNode, createContext, useCallback, useContext, useRef, useState } from "react";
import { type ApiError, asApiError } from "../api/problem";
import { Dialog, DialogFooter } from "./Dialog";
import { ErrorBox } from "./ErrorBox";

export interface Question {
  title: string;
  text: ReactNode;
  /** What it will hit, by name. */
  hits?: string[];
  action: string;
  danger?: boolean;
  /** What to do; while it fails the dialog stays and shows why. */
  run?: () => Promise<void>;
}

type Ask = (question: Question) => Promise<boolean>;

const Context = createContext<Ask | undefined>(undefined);

interface Open {
  question: Question;
  answer: (yes: boolean) => void;
}

const MOST_HITS = 12;

export function ConfirmProvider({ children }: { children: ReactNode }): ReactNode {
  const [open, setOpen] = useState<Open>();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();
  const current = useRef<Open>(undefined);
  current.current = open;

  const ask = useCallback<Ask>((question) => {
    current.current?.answer(false);
    setError(undefined);
    return new Promise((answer) => setOpen({ question, answer }));
  }, []);

  const close = (yes: boolean): void => {
    open?.answer(yes);
    setOpen(undefined);
  };
  const submit = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      await open?.question.run?.();
      close(true);
    } catch (thrown) {
      setError(asApiError(thrown));
    } finally {
      setBusy(false);
    }
  };

  const question = open?.question;
  const hits = question?.hits ?? [];
  return (
    <Context.Provider value={ask}>
      {children}
      {question !== undefined && (
        <Dialog
          title={question.title}
          testId="confirm"
          onClose={() => close(false)}
          onSubmit={() => void submit()}
          footer={
            <DialogFooter
              action={question.action}
              busy={busy}
              danger={question.danger ?? false}
              onClose={() => close(false)}
            />
          }
        >
          <p>{question.text}</p>
          {hits.length > 0 && (
            <ul className="hits">
              {hits.slice(0, MOST_HITS).map((hit) => (
                <li key={hit}>{hit}</li>
              ))}
              {hits.length > MOST_HITS && <li>… +{hits.length - MOST_HITS}</li>}
            </ul>
          )}
          {error !== undefined && <ErrorBox error={error} />}
        </Dialog>
      )}
    </Context.Provider>
  );
}

export function useConfirm(): Ask {
  const ask = useContext(Context);
  if (ask === undefined) throw new Error("no confirm provider");
  return ask;
}
