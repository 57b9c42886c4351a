import { apps } from "./apps";
import { form } from "./form";
import { frame } from "./frame";
import { inspect } from "./inspect";
import { jobs } from "./jobs";
import { reasons } from "./reasons";
import { runs } from "./runs";
import { server } from "./server";

export const en = { ...frame, ...apps, ...jobs, ...form, ...runs, ...reasons, ...inspect, ...server };

export type Key = keyof typeof en;
export type Dictionary = Readonly<Record<Key, string>>;
