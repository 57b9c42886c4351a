import { useEffect, useState } from "react";
import { api } from "../../api/endpoints";
import { type ApiError, asApiError } from "../../api/problem";
import type { FieldError, ScheduleChecked, ScheduleInput } from "../../api/types";

const TYPING_MS = 300;
const TIMES = 10;

export interface Check {
  checked: ScheduleChecked | undefined;
  error: ApiError | undefined;
  isPending: boolean;
  schedule: ScheduleInput;
}

/** What is wrong with the expression, for its field; the names inside it mean nothing to the form. */
export function scheduleErrors({ checked, isPending, schedule }: Check): FieldError[] {
  if (checked === undefined || checked.valid || isPending || schedule.expression === "") return [];
  return checked.errors.map((error) => {
    const isOurs = /^schedule\.|^(?:zone|startAt|endAt)$/.test(error.field);
    const field = isOurs ? `schedule.${error.field.replace(/^schedule\./, "")}` : "schedule.expression";
    return { ...error, field };
  });
}

/** Asks the server about a schedule when the typing pauses; a late answer never overtakes. */
export function useScheduleCheck(schedule: ScheduleInput): Check {
  const [state, setState] = useState<Omit<Check, "schedule">>({
    checked: undefined,
    error: undefined,
    isPending: true,
  });
  const key = JSON.stringify(schedule);
  useEffect(() => {
    const abort = new AbortController();
    setState((old) => ({ ...old, isPending: true }));
    const timer = setTimeout(() => {
      const asked = JSON.parse(key) as ScheduleInput;
      api
        .checkSchedule({ schedule: asked, count: TIMES }, abort.signal)
        .then((checked) => setState({ checked, error: undefined, isPending: false }))
        .catch((thrown: unknown) => {
          if (abort.signal.aborted) return;
          setState({ checked: undefined, error: asApiError(thrown), isPending: false });
        });
    }, TYPING_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [key]);
  return { ...state, schedule };
}
