import type { ReactNode } from "react";
import { Redirect } from "wouter";
import { api } from "../api/endpoints";
import { useResource } from "../data/useResource";
import { isId } from "../lib/ids";
import { ErrorBox } from "../ui/ErrorBox";
import { Spinner } from "../ui/bits";
import { NotFound } from "./NotFound";
import { paths } from "./paths";

interface Props {
  kind: "job" | "instance";
  id: string;
}

/** `/jobs/1` and `/instances/1` without an application, as mails and other programs know them. */
export function ShortLink({ kind, id }: Props): ReactNode {
  const found = useResource(isId(id) ? `${kind}/${id}` : undefined, async (signal) => {
    const thing = kind === "job" ? await api.job(id, signal) : await api.instance(id, signal);
    return { appId: thing.appId };
  });
  if (!isId(id)) return <NotFound />;
  if (found.error !== undefined) return <ErrorBox error={found.error} onRetry={found.reload} />;
  if (found.data === undefined) return <Spinner />;
  const { appId } = found.data;
  return <Redirect to={kind === "job" ? paths.job(appId, id) : paths.instance(appId, id)} replace />;
}
