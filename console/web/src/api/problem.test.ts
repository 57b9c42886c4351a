import { describe, expect, it, vi } from "vitest";
import { serve } from "../test/render";
import { address, call, whenSessionEnds } from "./client";
import { ApiError, asApiError, problemFrom, reasonsFor } from "./problem";

async function failure(promise: Promise<unknown>): Promise<ApiError> {
  return promise.then(
    () => Promise.reject(new Error("did not fail")),
    (thrown: unknown) => asApiError(thrown),
  );
}

describe("problems", () => {
  it("carry code, title, detail and every field", () => {
    const body = JSON.stringify({
      code: "invalid-job",
      status: 422,
      title: "Cannot be saved",
      detail: "Two fields are wrong",
      errors: [
        { field: "name", reason: "empty" },
        { field: "schedule.expression", reason: "5 fields" },
      ],
    });
    const problem = problemFrom(422, "", body);
    expect(problem).toMatchObject({ code: "invalid-job", detail: "Two fields are wrong" });
    expect(reasonsFor(problem.errors ?? [], "schedule.expression")).toEqual(["5 fields"]);
    expect(reasonsFor(problem.errors ?? [], "schedule")).toEqual(["5 fields"]);
  });

  it("are made of whatever a proxy answers", () => {
    expect(problemFrom(502, "Bad Gateway", "<html>nginx</html>")).toEqual({
      code: "http-502",
      status: 502,
      title: "Bad Gateway",
      detail: null,
    });
    expect(problemFrom(500, "", "boom").detail).toBe("boom");
  });
});

describe("requests", () => {
  it("mark what changes something, against forged requests", async () => {
    const calls = serve(() => ({ status: 204 }));
    await call("POST", "/v1/x", { body: { a: 1 } });
    await call("GET", "/v1/x");
    expect(calls[0]?.headers.get("X-Requested-With")).toBe("powerjob");
    expect(calls[1]?.headers.get("X-Requested-With")).toBeNull();
  });

  it("tell when the session is over, but not for a wrong password", async () => {
    const listener = vi.fn();
    whenSessionEnds(listener);
    serve((_, path) => ({
      status: 401,
      body: { code: path === "/v1/session" ? "wrong-credentials" : "session-expired", status: 401, title: "No" },
    }));
    await failure(call("POST", "/v1/session"));
    expect(listener).not.toHaveBeenCalled();
    const error = await failure(call("GET", "/v1/apps"));
    expect(error.code).toBe("session-expired");
    expect(listener).toHaveBeenCalledWith("session-expired");
  });

  it("fail readably without a connection and with an answer that is not JSON", async () => {
    globalThis.fetch = () => Promise.reject(new TypeError("Failed to fetch"));
    expect((await failure(call("GET", "/v1/apps"))).code).toBe("no-connection");
    serve(() => ({ body: "<html>" }));
    expect((await failure(call("GET", "/v1/apps"))).code).toBe("unreadable-answer");
  });

  it("leave empty filters out", () => {
    expect(address("/v1/x", { a: "", b: undefined, c: 0, d: false })).toBe("/v1/x?c=0&d=false");
  });
});
