import type { ScheduleInput } from "../api/types";
import { splitDuration } from "./duration";
import { readDaily } from "./daily";

// The server words schedules in English. These are the Chinese words of the usual shapes; for
// anything else the server's text stands, which is right if not Chinese.

const UNITS = { ms: "毫秒", s: "秒", min: "分钟", h: "小时", d: "天" } as const;
const DAYS = ["", "周一", "周二", "周三", "周四", "周五", "周六", "周日"];
const CRON_DAYS: Record<string, string> = {
  "1": "周日", "2": "周一", "3": "周二", "4": "周三", "5": "周四", "6": "周五", "7": "周六",
  SUN: "周日", MON: "周一", TUE: "周二", WED: "周三", THU: "周四", FRI: "周五", SAT: "周六",
};

function span(ms: number): string {
  const { count, unit } = splitDuration(ms);
  return `${count} ${UNITS[unit]}`;
}

/** The schedule in Chinese, if it has one of the usual shapes. */
export function chineseSchedule(schedule: ScheduleInput): string | undefined {
  switch (schedule.type) {
    case "API":
      return "按需运行";
    case "WORKFLOW":
      return "作为工作流节点运行";
    case "ONCE": {
      const local = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)$/.exec(schedule.expression);
      return local === null ? undefined : `${local[1]} ${local[2]} 运行一次`;
    }
    case "FIXED_RATE":
    case "FIXED_DELAY": {
      if (!/^\d{1,15}$/.test(schedule.expression)) return undefined;
      const every = span(Number(schedule.expression));
      return schedule.type === "FIXED_RATE" ? `每 ${every}` : `上次运行结束 ${every}后`;
    }
    case "DAILY_TIME_INTERVAL":
      return daily(schedule.expression);
    case "CRON":
      return cron(schedule.expression);
    default:
      return undefined;
  }
}

function daily(expression: string): string | undefined {
  const fields = readDaily(expression);
  if (fields === undefined) return undefined;
  const days = dayRange(fields.days);
  return `${days} ${fields.from} 至 ${fields.to}，每 ${span(fields.everyMs)}`;
}

/** `每天`, `周一至周五`, or one by one. */
function dayRange(days: number[]): string {
  const [first = 1] = days;
  const last = first + days.length - 1;
  if (days.length === 7) return "每天";
  const isRow = days.length > 2 && days.every((day, index) => day === first + index);
  return isRow ? `${DAYS[first]}至${DAYS[last]}` : days.map((day) => DAYS[day]).join("、");
}

const NUMBER = /^\d{1,2}$/;
const STEP = /^(?:\*|0)\/(\d{1,2})$/;

function cron(expression: string): string | undefined {
  const parts = expression.trim().toUpperCase().split(/\s+/);
  const [second, minute, hour, monthDay, month, weekDay] = parts;
  if (parts.length !== 6 || month !== "*") return undefined;
  if (!second || !minute || !hour || !monthDay || !weekDay) return undefined;
  const days = dayWords(monthDay, weekDay);
  const time = timeWords(second, minute, hour);
  if (days === undefined || time === undefined) return undefined;
  const isEveryDay = days === "";
  return `${isEveryDay ? (time.isPoint ? "每天 " : "") : `${days} `}${time.text}`;
}

function dayWords(monthDay: string, weekDay: string): string | undefined {
  const isAny = (field: string): boolean => field === "*" || field === "?";
  if (isAny(monthDay) && isAny(weekDay)) return "";
  if (isAny(weekDay)) {
    if (monthDay === "L") return "每月最后一天";
    if (!/^\d{1,2}(?:,\d{1,2})*$/.test(monthDay)) return undefined;
    return `每月 ${monthDay.replaceAll(",", "、")} 日`;
  }
  if (!isAny(monthDay)) return undefined;
  const range = /^(\w+)-(\w+)$/.exec(weekDay);
  if (range !== null) {
    const [from, to] = [CRON_DAYS[range[1] ?? ""], CRON_DAYS[range[2] ?? ""]];
    return from === undefined || to === undefined ? undefined : `${from}至${to}`;
  }
  const named = weekDay.split(",").map((day) => CRON_DAYS[day]);
  return named.includes(undefined) ? undefined : named.join("、");
}

function timeWords(second: string, minute: string, hour: string): { text: string; isPoint: boolean } | undefined {
  const step = (field: string): number => Number(STEP.exec(field)?.[1] ?? 0);
  const each = (text: string): { text: string; isPoint: boolean } => ({ text, isPoint: false });
  if (minute === "*" && hour === "*") {
    if (second === "*") return each("每秒");
    if (step(second) > 0 && 60 % step(second) === 0) return each(`每 ${step(second)} 秒`);
    if (second === "0") return each("每分钟");
    return undefined;
  }
  if (second !== "0" && !NUMBER.test(second)) return undefined;
  if (second === "0" && step(minute) > 0 && 60 % step(minute) === 0) {
    if (hour === "*") return each(`每 ${step(minute)} 分钟`);
    const range = /^(\d{1,2})-(\d{1,2})$/.exec(hour);
    return range === null ? undefined : each(`${range[1]} 至 ${range[2]} 时，每 ${step(minute)} 分钟`);
  }
  if (!NUMBER.test(minute)) return undefined;
  if (second === "0" && hour === "*") {
    return each(minute === "0" ? "每小时整点" : `每小时第 ${Number(minute)} 分`);
  }
  if (second === "0" && minute === "0" && step(hour) > 0 && 24 % step(hour) === 0) {
    return each(`每 ${step(hour)} 小时`);
  }
  if (!/^\d{1,2}(?:,\d{1,2})*$/.test(hour)) return undefined;
  const two = (text: string): string => text.padStart(2, "0");
  const tail = second === "0" ? "" : `:${two(second)}`;
  const times = hour.split(",").map((at) => `${two(at)}:${two(minute)}${tail}`);
  return { text: times.join("、"), isPoint: true };
}
