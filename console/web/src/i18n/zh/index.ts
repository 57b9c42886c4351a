import type { Dictionary } from "../en";
import { apps } from "./apps";
import { form } from "./form";
import { frame } from "./frame";
import { inspect } from "./inspect";
import { jobs } from "./jobs";
import { reasons } from "./reasons";
import { runs } from "./runs";
import { server } from "./server";

export const zh: Dictionary = { ...frame, ...apps, ...jobs, ...form, ...runs, ...reasons, ...inspect, ...server };
