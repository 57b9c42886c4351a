import type { ReactNode } from "react";
import { api } from "../../api/endpoints";
import type { Worker, WorkerOrderKind } from "../../api/types";
import { useApp } from "../../app/AppArea";
import { useT } from "../../i18n";
import { Button } from "../../ui/Button";
import { useConfirm } from "../../ui/Confirm";
import { useSay } from "../../ui/Toasts";

interface Props {
  worker: Worker;
  onOrdered: (worker: Worker) => void;
}

/** What makes sense now: a worker under an order can be put back, and a drained one taken away. */
function ordersFor(worker: Worker): WorkerOrderKind[] {
  switch (worker.order?.kind) {
    case "OFFLINE":
      return ["ONLINE"];
    case "DRAIN":
      return ["ONLINE", "OFFLINE"];
    default:
      return ["DRAIN", "OFFLINE"];
  }
}

/** The buttons by which an operator takes a worker out of service and back. */
export function WorkerOrders({ worker, onOrdered }: Props): ReactNode {
  const t = useT();
  const app = useApp();
  const confirm = useConfirm();
  const say = useSay();
  const order = (kind: WorkerOrderKind): void => {
    void confirm({
      title: t(`workers.order.${kind}`),
      text: t(`workers.order.${kind}.text`),
      hits: [t("workers.order.hit", { node: worker.node, n: worker.running })],
      action: t(`workers.order.${kind}`),
      danger: kind === "OFFLINE",
      run: async () => {
        onOrdered(await api.orderWorker(app.id, { node: worker.node, kind }));
        say.done(t(`workers.order.${kind}.done`, { node: worker.node }));
      },
    });
  };
  return (
    <span className="buttons">
      {ordersFor(worker).map((kind) => (
        <Button
          key={kind}
          small
          kind={kind === "OFFLINE" ? "danger" : "plain"}
          onClick={() => order(kind)}
          data-testid={`worker-${kind}`}
        >
          {t(`workers.order.${kind}`)}
        </Button>
      ))}
    </span>
  );
}
