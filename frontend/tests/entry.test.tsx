import { cleanup, fireEvent, screen } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Invitation } from "@/components/entry/invitation";
import { LogIn } from "@/components/entry/log-in";
import { Register } from "@/components/entry/register";
import { ResetPassword } from "@/components/entry/reset-password";
import { answering, problem, renderPage, sessionOf, tidyUp } from "@/tests/rendering";

const replace = vi.fn();
vi.mock("next/navigation", () => ({ useRouter: () => ({ replace }) }));

const signedOut = { "POST /v1/auth/refresh": { authenticated: false } };
const fill = (label: string, value: string) => fireEvent.change(screen.getByLabelText(label), { target: { value } });
const send = (name: string) => fireEvent.submit(screen.getByRole("button", { name }).closest("form")!);

beforeEach(() => window.history.replaceState(null, "", "/"));
afterEach(tidyUp);

describe("an invitation", () => {
  const opened = { email: "bo@acme.example", tenant_name: "<img src=x onerror=alert(1)>", role: "analyst", has_account: false };

  it("takes its token out of the address, shows names as text, and logs a new person in", async () => {
    const sent = answering({ ...signedOut, "POST /v1/auth/invitations/inspect": opened, "POST /v1/auth/invitations/accept": sessionOf("acme") });
    window.history.replaceState(null, "", "/invitation/#token=opl_secret");
    const { container } = renderPage(<Invitation />);
    expect((await screen.findByRole("heading", { level: 1 })).textContent).toBe("Invitation");
    await screen.findByText("Join <img src=x onerror=alert(1)>");
    expect(container.querySelector("img")).toBeNull();
    expect(window.location.href).not.toContain("opl_secret");
    fill("Your name", "Bo");
    fill("Password", "correct horse battery");
    send("Join");
    await vi.waitFor(() => expect(replace).toHaveBeenCalledWith("/"));
    expect(sent.find((one) => one.call.endsWith("/accept"))?.body).toEqual({ token: "opl_secret", name: "Bo", password: "correct horse battery" });
  });

  it("asks for the password only where the address has an account", async () => {
    answering({ ...signedOut, "POST /v1/auth/invitations/inspect": { ...opened, has_account: true } });
    window.history.replaceState(null, "", "/invitation/#token=opl_secret");
    renderPage(<Invitation />);
    await screen.findByLabelText("Password");
    expect(screen.queryByLabelText("Your name")).toBeNull();
  });

  it("is shown to somebody who is logged in as another", async () => {
    answering({ "POST /v1/auth/refresh": sessionOf("globex"), "POST /v1/auth/invitations/inspect": opened });
    window.history.replaceState(null, "", "/invitation/#token=opl_secret");
    renderPage(<Invitation />);
    await screen.findByText(/You are logged in as ann@acme.example/);
    expect(screen.getByLabelText("Your name")).toBeTruthy();
  });

  it("that is no longer good says so", async () => {
    answering({ ...signedOut, "POST /v1/auth/invitations/inspect": () => problem(403, "This link is not valid, or no longer") });
    window.history.replaceState(null, "", "/invitation/#token=opl_secret");
    renderPage(<Invitation />);
    await screen.findByText("This link is not valid, or no longer");
  });

  it("without its token asks nothing of the API", async () => {
    const sent = answering(signedOut);
    renderPage(<Invitation />);
    await screen.findByText(/its second half is missing/);
    expect(sent.every((one) => one.call === "POST /v1/auth/refresh")).toBe(true);
  });
});

describe("a password that was forgotten", () => {
  it("is asked for with the same answer for every address", async () => {
    const sent = answering({ ...signedOut, "POST /v1/auth/reset": 202 });
    renderPage(<ResetPassword />);
    await screen.findByLabelText("E-mail");
    fill("E-mail", "nobody@acme.example");
    send("Send the link");
    await screen.findByText(/If this address has an account/);
    expect(sent.at(-1)?.body).toEqual({ email: "nobody@acme.example" });
  });

  it("is set by the link of the mail", async () => {
    const sent = answering({ ...signedOut, "POST /v1/auth/reset/confirm": 204 });
    window.history.replaceState(null, "", "/reset/#token=opl_secret");
    renderPage(<ResetPassword />);
    await screen.findByLabelText("New password");
    fill("New password", "correct horse battery");
    send("Set the password");
    await screen.findByText(/The password is set/);
    expect(sent.at(-1)?.body).toEqual({ token: "opl_secret", password: "correct horse battery" });
  });
});

describe("registration", () => {
  it("is said to be closed, without a form, where the API says so", async () => {
    answering({ ...signedOut, "GET /v1/auth/options": { registration: false } });
    renderPage(<Register />);
    await screen.findByText(/Nobody can register here by themselves/);
    expect(screen.queryByLabelText("E-mail")).toBeNull();
  });

  it("is answered the same for every address", async () => {
    const sent = answering({ ...signedOut, "GET /v1/auth/options": { registration: true }, "POST /v1/auth/register": 202 });
    renderPage(<Register />);
    await screen.findByLabelText("E-mail");
    fill("Your name", "Bo");
    fill("Organisation", "Partner");
    fill("E-mail", "bo@partner.example");
    fill("Password", "correct horse battery");
    send("Register");
    await screen.findByText(/A mail is on its way/);
    expect(sent.at(-1)?.body).toEqual({ email: "bo@partner.example", name: "Bo", password: "correct horse battery", organization: "Partner" });
  });

  it("is confirmed by a button, not by opening the link", async () => {
    const sent = answering({ ...signedOut, "GET /v1/auth/options": { registration: true }, "POST /v1/auth/register/confirm": 204 });
    window.history.replaceState(null, "", "/register/#token=opl_secret");
    renderPage(<Register />);
    const button = await screen.findByRole("button", { name: "Make the account" });
    expect(sent.some((one) => one.call.endsWith("/confirm"))).toBe(false);
    fireEvent.submit(button.closest("form")!);
    await screen.findByText(/Your account is made/);
  });
});

describe("a log-in", () => {
  it("offers registration only where it is open", async () => {
    answering({ ...signedOut, "GET /v1/auth/options": { registration: true } });
    renderPage(<LogIn />);
    await screen.findByRole("link", { name: "Register" });
    cleanup();
    answering({ ...signedOut, "GET /v1/auth/options": { registration: false } });
    renderPage(<LogIn />);
    await screen.findByRole("link", { name: "Forgot the password?" });
    expect(screen.queryByRole("link", { name: "Register" })).toBeNull();
  });

  it("that fails says what the API says, and nothing of its own", async () => {
    answering({ ...signedOut, "POST /v1/auth/login": () => problem(401, "E-mail address or password is wrong") });
    renderPage(<LogIn />);
    send("Log in");
    const said = await screen.findByText("E-mail address or password is wrong");
    expect(said.getAttribute("role")).toBe("alert");
  });
});
