import type { ReactNode } from "react";
import type { ScheduleInput } from "../api/types";
import { useI18n, useWord } from "../i18n";
import { chineseSchedule } from "../lib/scheduleWords";

interface Props {
  schedule: ScheduleInput;
  /** The server's words, in English. */
  text: string;
}

/** The schedule in the person's language; the server's words where ours have none. */
export function useScheduleText(): (schedule: ScheduleInput, text: string) => string {
  const { lang } = useI18n();
  return (schedule, text) => (lang === "zh" ? (chineseSchedule(schedule) ?? text) : text);
}

/** The schedule in words; how it is written is one hover away. */
export function ScheduleText({ schedule, text }: Props): ReactNode {
  const words = useScheduleText();
  const word = useWord();
  const written = [word("schedule.type", schedule.type), schedule.expression, schedule.zone ?? ""];
  return <span title={written.filter((part) => part !== "").join("\n")}>{words(schedule, text)}</span>;
}
