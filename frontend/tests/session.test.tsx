import { QueryClient } from "@tanstack/react-query";
import { fireEvent, screen } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Account } from "@/components/account/account";
import { TenantSelect } from "@/components/account/tenant-select";
import { api } from "@/lib/api";
import { useSession } from "@/lib/session";
import { answering, problem, renderPage, sessionOf, tidyUp } from "@/tests/rendering";

const push = vi.fn();
vi.mock("next/navigation", () => ({ useRouter: () => ({ push }) }));
vi.mock("next/dynamic", async () => {
  const { Confirm } = await import("@/components/ui/confirm");
  return { default: () => Confirm };
});

afterEach(tidyUp);

const Holder = () => <p>{useSession().session?.tenant.name ?? "nobody"}</p>;

describe("a switch of tenant", () => {
  it("forgets what was read in the one before, and goes to the overview", async () => {
    const sent = answering({ "POST /v1/auth/refresh": sessionOf("acme", ["acme", "globex"]), "POST /v1/auth/switch": sessionOf("globex", ["acme", "globex"]) });
    const queries = new QueryClient();
    renderPage(<><TenantSelect /><Holder /></>, queries);
    const select = await screen.findByLabelText("Organisation");
    queries.setQueryData(["issues"], "of acme");
    fireEvent.change(select, { target: { value: "globex" } });
    await screen.findByText("GLOBEX", { selector: "p" });
    expect(queries.getQueryData(["issues"])).toBeUndefined();
    expect(push).toHaveBeenCalledWith("/");
    expect(sent.at(-1)).toEqual({ call: "POST /v1/auth/switch", body: { tenant: "globex" }, token: "Bearer token of acme" });
  });

  it("is no choice for a member of one", async () => {
    answering({ "POST /v1/auth/refresh": sessionOf("acme") });
    renderPage(<TenantSelect />);
    await screen.findByText("ACME");
    expect(screen.queryByLabelText("Organisation")).toBeNull();
  });
});

describe("a session", () => {
  it("that was ended elsewhere ends here, with all that was read in it", async () => {
    answering({ "POST /v1/auth/refresh": sessionOf("acme") });
    const queries = new QueryClient();
    renderPage(<Holder />, queries);
    await screen.findByText("ACME");
    queries.setQueryData(["issues"], "of acme");
    answering({ "GET /v1/sources": () => problem(401, "The session has ended"), "POST /v1/auth/refresh": () => problem(401, "The session has ended") });
    await api.GET("/v1/sources");
    await screen.findByText("nobody");
    expect(queries.getQueryData(["issues"])).toBeUndefined();
  });

  it("outlives an API that is busy", async () => {
    answering({ "POST /v1/auth/refresh": sessionOf("acme") });
    renderPage(<Holder />);
    await screen.findByText("ACME");
    answering({ "GET /v1/sources": () => problem(401, "The token has ended"), "POST /v1/auth/refresh": () => problem(503, "The service cannot answer at the moment") });
    await expect(api.GET("/v1/sources")).rejects.toMatchObject({ status: 503 });
    expect(screen.getByText("ACME")).toBeTruthy();
  });
});

describe("the account", () => {
  const routes = { "POST /v1/auth/refresh": sessionOf("acme"), "GET /v1/me": { ...sessionOf("acme"), scopes: [] } };

  it("changes the password and says so", async () => {
    const sent = answering({ ...routes, "PUT /v1/me/password": sessionOf("acme") });
    renderPage(<Account />);
    fireEvent.change(await screen.findByLabelText("Present password"), { target: { value: "the old one, long" } });
    fireEvent.change(screen.getByLabelText("New password"), { target: { value: "the new one, longer" } });
    fireEvent.submit(screen.getByRole("button", { name: "Change the password" }).closest("form")!);
    await screen.findByText(/The password is changed/);
    expect(sent.find((one) => one.call === "PUT /v1/me/password")?.body).toEqual({ current: "the old one, long", new: "the new one, longer" });
  });

  it("says what the API has against a password", async () => {
    answering({ ...routes, "PUT /v1/me/password": () => problem(422, "This is not the present password") });
    renderPage(<Account />);
    fireEvent.submit((await screen.findByRole("button", { name: "Change the password" })).closest("form")!);
    expect((await screen.findByText("This is not the present password")).getAttribute("role")).toBe("alert");
  });

  it("logs out everywhere after asking", async () => {
    const sent = answering({ ...routes, "POST /v1/auth/logout-everywhere": 204 });
    renderPage(<><Account /><Holder /></>);
    fireEvent.click(await screen.findByRole("button", { name: "Log out everywhere" }));
    expect(sent.some((one) => one.call === "POST /v1/auth/logout-everywhere")).toBe(false);
    fireEvent.click(await screen.findByRole("button", { name: "End all sessions" }));
    await screen.findByText("nobody");
  });
});
