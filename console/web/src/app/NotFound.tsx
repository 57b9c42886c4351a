import type { ReactNode } from "react";
import { Link } from "wouter";
import { useT } from "../i18n";
import { Empty } from "../ui/bits";
import { paths } from "./paths";

export function NotFound(): ReactNode {
  const t = useT();
  return (
    <Empty title={t("notFound.title")}>
      <p>{t("notFound.text")}</p>
      <Link href={paths.apps}>{t("nav.apps")}</Link>
    </Empty>
  );
}
