import { fireEvent, screen } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Invitation } from "@/components/entry/invitation";
import { LogIn } from "@/components/entry/log-in";
import { answering, problem, renderPage, tidyUp } from "@/tests/rendering";

vi.mock("next/navigation", () => ({ useRouter: () => ({ replace: vi.fn() }) }));

const signedOut = { "POST /v1/auth/refresh": { authenticated: false } };
const options = (more: object = {}) => ({ "GET /v1/auth/options": { registration: true, passwords: true, single_sign_on: { label: "Example Bank" }, ...more } });

beforeEach(() => window.history.replaceState(null, "", "/login/"));
afterEach(() => {
  vi.restoreAllMocks();
  tidyUp();
});

describe("single sign-on on the log-in page", () => {
  it("is offered beside the password where the operator has set it", async () => {
    answering({ ...signedOut, ...options() });
    renderPage(<LogIn />);
    const way = await screen.findByRole("link", { name: "Log in with Example Bank" });
    expect(way.getAttribute("href")).toBe("/v1/auth/sso/start?return_to=%2F");
    expect(screen.getByLabelText("Password")).toBeTruthy();
  });

  it("is not there where the operator has set none", async () => {
    answering({ ...signedOut, ...options({ single_sign_on: null }) });
    renderPage(<LogIn />);
    await screen.findByRole("link", { name: "Register" });
    expect(screen.queryByRole("link", { name: /Log in with/ })).toBeNull();
  });

  it("is the only way where passwords are off", async () => {
    answering({ ...signedOut, ...options({ passwords: false, registration: false }) });
    renderPage(<LogIn />);
    await screen.findByRole("link", { name: "Log in with Example Bank" });
    expect(screen.queryByLabelText("Password")).toBeNull();
    expect(screen.queryByRole("link", { name: "Forgot the password?" })).toBeNull();
  });

  it("that failed is explained by our own words, once", async () => {
    window.history.replaceState(null, "", "/login/?error=account_unknown");
    answering({ ...signedOut, ...options() });
    renderPage(<LogIn />);
    expect((await screen.findByText(/You have no account here yet/)).getAttribute("role")).toBe("alert");
    expect(window.location.search).toBe("");
  });

  it.each(["<img src=x onerror=alert(1)>", "toString", "__proto__"])("that failed for no reason of ours shows none: %s", async (code) => {
    window.history.replaceState(null, "", `/login/?error=${encodeURIComponent(code)}`);
    answering({ ...signedOut, ...options() });
    const { container } = renderPage(<LogIn />);
    await screen.findByText("Single sign-on failed. Try again.");
    expect(container.textContent).not.toContain(code);
  });
});

describe("single sign-on by an invitation", () => {
  const opened = { email: "bo@acme.example", tenant_name: "Acme", role: "analyst", has_account: false };

  it("keeps the token out of addresses and goes where the API says", async () => {
    const assign = vi.spyOn(window.location, "assign").mockImplementation(() => undefined);
    const sent = answering({ ...signedOut, ...options(), "POST /v1/auth/invitations/inspect": opened, "POST /v1/auth/sso/invitation": { location: "https://id.example/authorize?state=s" } });
    window.history.replaceState(null, "", "/invitation/#token=opl_secret");
    renderPage(<Invitation />);
    fireEvent.submit((await screen.findByRole("button", { name: "Join with Example Bank" })).closest("form")!);
    await vi.waitFor(() => expect(assign).toHaveBeenCalledWith("https://id.example/authorize?state=s"));
    expect(sent.at(-1)?.body).toEqual({ token: "opl_secret" });
  });

  it("says why where it cannot begin, and asks for no password where those are off", async () => {
    answering({ ...signedOut, ...options({ passwords: false }), "POST /v1/auth/invitations/inspect": opened, "POST /v1/auth/sso/invitation": () => problem(503, "The provider of single sign-on does not answer") });
    window.history.replaceState(null, "", "/invitation/#token=opl_secret");
    renderPage(<Invitation />);
    fireEvent.submit((await screen.findByRole("button", { name: "Join with Example Bank" })).closest("form")!);
    await screen.findByText("The provider of single sign-on does not answer");
    expect(screen.queryByLabelText("Password")).toBeNull();
  });
});
