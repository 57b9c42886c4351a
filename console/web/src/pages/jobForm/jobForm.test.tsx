import { cleanup, fireEvent, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ScheduleCheck } from "../../api/types";
import { en } from "../../i18n/en";
import { fill } from "../../i18n/translate";
import { serve, show } from "../../test/render";
import { JobForm } from "./JobForm";
import { NEW_JOB, draftErrors, draftOf, readDraft } from "./draft";

vi.mock("../../app/AppArea", () => ({ useApp: () => ({ id: "604919300096000001", name: "billing" }) }));

const t: Parameters<typeof draftErrors>[1] = (key, params = {}) => fill(en[key], params);

function serveForm(): ReturnType<typeof serve> {
  return serve((method, path, body) => {
    if (path === "/v1/schedules:check") {
      const { expression } = (body as ScheduleCheck).schedule;
      const valid = expression.split(" ").length === 6;
      const errors = [{ field: "second", reason: "found nothing" }];
      return {
        body: { valid, text: valid ? "every day" : "", next: valid ? [1_800_000_000_000] : [], zone: "Asia/Shanghai", errors: valid ? [] : errors },
      };
    }
    if (method === "POST") {
      const errors = [
        { field: "processor", reason: "no worker has it" },
        { field: "concurrency", reason: "at most 100" },
      ];
      return { status: 422, body: { code: "invalid-job", status: 422, title: "Cannot be saved", errors } };
    }
    return {};
  });
}

describe("job form", () => {
  beforeEach(() => {
    HTMLElement.prototype.scrollIntoView = () => undefined;
  });
  afterEach(cleanup);

  it("checks the schedule while one types and shows words and times in both zones", async () => {
    const calls = serveForm();
    show(<JobForm first={NEW_JOB} workers={[]} />);
    expect((await screen.findByTestId("schedule-words")).textContent).toBe("every day");
    expect(screen.getByTestId("next-times").textContent).toContain("2027-01-15 16:00:00");
    fireEvent.change(screen.getByTestId("form-expression"), { target: { value: "0 0" } });
    fireEvent.change(screen.getByTestId("form-expression"), { target: { value: "0 0 3" } });
    expect((await screen.findByTestId("schedule-errors")).textContent).toContain("found nothing");
    const asked = calls.map((call) => (call.body as ScheduleCheck).schedule.expression);
    expect(asked).toEqual([NEW_JOB.schedule.expression, "0 0 3"]);
  });

  it("names everything that is missing at once, without asking the server", async () => {
    const calls = serveForm();
    show(<JobForm first={NEW_JOB} workers={[]} />);
    await screen.findByTestId("schedule-words");
    fireEvent.click(screen.getByTestId("form-save"));
    expect(screen.getAllByTestId("field-error")).toHaveLength(2);
    expect(calls.every((call) => call.path === "/v1/schedules:check")).toBe(true);
  });

  it("puts the server's errors at their fields", async () => {
    serveForm();
    show(<JobForm first={{ ...NEW_JOB, name: "a", processor: "b" }} workers={[]} />);
    await screen.findByTestId("schedule-words");
    fireEvent.click(screen.getByTestId("form-save"));
    await waitFor(() => expect(screen.getByTestId("error").dataset.code).toBe("invalid-job"));
    expect(document.querySelector('[data-field="processor"]')?.textContent).toContain("no worker has it");
  });

  it("shows only the fields of the chosen types", async () => {
    serveForm();
    show(<JobForm first={NEW_JOB} workers={[]} />);
    expect(document.querySelector('[data-field="maxWorkers"]')).toBeNull();
    fireEvent.click(screen.getByLabelText("Map"));
    expect(document.querySelector('[data-field="maxWorkers"]')).not.toBeNull();
    fireEvent.click(screen.getByLabelText("Shell"));
    expect(screen.getByTestId("form-processor").tagName).toBe("TEXTAREA");
    fireEvent.click(screen.getByLabelText("On request"));
    expect(screen.queryByTestId("form-expression")).toBeNull();
    await waitFor(() => expect(screen.getByTestId("schedule-preview")).not.toBeNull());
  });

  it("asks only for the numbers of the chosen policies", async () => {
    serveForm();
    show(<JobForm first={NEW_JOB} workers={[]} />);
    await screen.findByTestId("schedule-words");
    const field = (name: string): Element | null => document.querySelector(`[data-field="${name}"]`);
    expect([field("policy.catchUp"), field("policy.queueLimit"), field("retry.backOff")]).toEqual([null, null, null]);
    fireEvent.click(screen.getByLabelText("Catch up"));
    fireEvent.click(screen.getByLabelText("Wait"));
    expect(field("policy.catchUp")?.querySelector("input")?.value).toBe("3");
    expect(field("policy.queueLimit")?.querySelector("input")?.value).toBe("100");
    fireEvent.click(screen.getByLabelText("On request"));
    expect(field("policy.misfire")).toBeNull();
    expect(field("policy.overlap")).not.toBeNull();
  });
});

describe("draft", () => {
  it("is what the server stored, without what it added", () => {
    const job = { ...NEW_JOB, id: "1", appId: "2", revision: 3, scheduleText: "x", createdAt: 0, modifiedAt: 0 };
    expect(draftOf(job)).toEqual(NEW_JOB);
  });

  it("finds numbers and durations that are none", () => {
    const draft = { ...NEW_JOB, name: "a", processor: "b", timeLimitMs: Number.NaN, concurrency: Number.NaN };
    expect(draftErrors(draft, t).map((error) => error.field)).toEqual(["concurrency", "timeLimitMs"]);
  });

  it("names what is wrong inside the policies", () => {
    const draft = { ...NEW_JOB, name: "a", processor: "b", policy: { ...NEW_JOB.policy, jitterMs: Number.NaN } };
    expect(draftErrors(draft, t).map((error) => error.field)).toEqual(["policy.jitterMs"]);
    const read = readDraft('{"name":"a","policy":{"misfire":"SKIP","jitter":5},"retry":{"delayMs":1}}', t);
    expect("error" in read && read.error).toContain("policy.jitter");
    const good = readDraft('{"name":"a","retry":{"delayMs":1}}', t);
    expect("draft" in good && good.draft.retry).toEqual({ ...NEW_JOB.retry, delayMs: 1 });
  });

  it("reads JSON and names every unknown field", () => {
    expect(readDraft("{", t)).toHaveProperty("error");
    const read = readDraft('{"name":1,"colour":"red","schedule":{"kind":"CRON"}}', t);
    expect("error" in read && read.error.split("\n")).toHaveLength(3);
    const good = readDraft('{"name":"a","schedule":{"type":"API","expression":""}}', t);
    expect("draft" in good && good.draft).toMatchObject({ name: "a", concurrency: 5, schedule: { type: "API", zone: null } });
  });
});
