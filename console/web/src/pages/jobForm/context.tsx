import { createContext, useContext } from "react";
import type { JobInput, Worker } from "../../api/types";
import type { Check } from "./useScheduleCheck";

export interface FormContext {
  draft: JobInput;
  set: (change: Partial<JobInput>) => void;
  setSchedule: (change: Partial<JobInput["schedule"]>) => void;
  errorsOf: (field: string) => string[];
  workers: Worker[];
  /** What the server says about the schedule as it stands. */
  check: Check;
}

const Context = createContext<FormContext | undefined>(undefined);

export const FormProvider = Context.Provider;

export function useForm(): FormContext {
  const value = useContext(Context);
  if (value === undefined) throw new Error("not in a job form");
  return value;
}
