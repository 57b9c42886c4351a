import { cleanup, fireEvent, screen } from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import { INFO, serve, show } from "../../test/render";
import { LoginForm } from "./LoginForm";
import { wantedPage } from "./LoginPage";

describe("login", () => {
  afterEach(cleanup);

  it("shows why it failed and keeps the account", async () => {
    serve(() => ({ status: 401, body: { code: "wrong-credentials", status: 401, title: "Account or password is wrong" } }));
    show(<LoginForm />, { kind: "out", reason: undefined });
    fireEvent.change(screen.getByTestId("login-account"), { target: { value: "ada" } });
    fireEvent.change(screen.getByTestId("login-password"), { target: { value: "x" } });
    fireEvent.submit(screen.getByTestId("login-form"));
    expect((await screen.findByTestId("error")).dataset.code).toBe("wrong-credentials");
    expect(screen.getByTestId<HTMLInputElement>("login-account").value).toBe("ada");
    expect(screen.getByTestId<HTMLInputElement>("login-password").value).toBe("");
  });

  it("sends nothing while something is missing", () => {
    const calls = serve(() => ({ body: INFO }));
    show(<LoginForm />, { kind: "out", reason: undefined });
    fireEvent.submit(screen.getByTestId("login-form"));
    expect(screen.getAllByTestId("field-error")).toHaveLength(2);
    expect(calls).toHaveLength(0);
  });

  it("returns only to pages of this console", () => {
    expect(wantedPage("?to=%2Fapps%2F1%2Fjobs%3Fquery%3Dx")).toBe("/apps/1/jobs?query=x");
    for (const to of ["//evil.example", "/\\evil.example", "https://evil.example", "", "/login"]) {
      expect(wantedPage(`?to=${encodeURIComponent(to)}`)).toBe("/apps");
    }
  });
});
