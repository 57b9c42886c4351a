import type { ReactNode } from "react";
import { useServer } from "../data/session";
import { useT } from "../i18n";
import { connectCommands, reachable } from "../lib/connect";
import { Copyable } from "./bits";

interface Props {
  appName: string;
  secret?: string;
}

/** The three commands that connect a worker. */
export function ConnectGuide({ appName, secret }: Props): ReactNode {
  const t = useT();
  const server = reachable(useServer().workerAddress, window.location.hostname);
  const facts = { app: appName, server, origin: window.location.origin };
  const commands = connectCommands(secret === undefined ? facts : { ...facts, secret });
  const steps = [t("connect.step1"), t("connect.step2"), t("connect.step3")];
  return (
    <ol className="connect" data-testid="connect-guide">
      {commands.map((command, index) => (
        <li key={command}>
          <span>{steps[index]}</span>
          <Copyable text={command} block />
        </li>
      ))}
    </ol>
  );
}
