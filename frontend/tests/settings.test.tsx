import { fireEvent, screen, within } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { CreateKey } from "@/components/settings/keys/create-key";
import { InviteDialog } from "@/components/settings/members/invite-dialog";
import { MemberList } from "@/components/settings/members/member-list";
import { RightsDialog } from "@/components/settings/members/rights-dialog";
import { PageFrame } from "@/components/settings/page-frame";
import { SettingsNavigation } from "@/components/settings/sections";
import { isComplete, type TenantMember, withRole } from "@/lib/members";
import { givableScopes } from "@/lib/scopes";
import { answering, problem, renderPage, sessionOf, tidyUp } from "@/tests/rendering";

vi.mock("next/navigation", () => ({ useRouter: () => ({}), usePathname: () => "/settings/" }));

const holding = (...scopes: string[]) => ({
  "POST /v1/auth/refresh": sessionOf("acme"), "GET /v1/me": { ...sessionOf("acme"), scopes },
  "GET /v1/sources": { items: [{ id: "s1", name: "Support mailbox" }, { id: "s2", name: "Tickets" }] },
});
const member = (email: string, role: TenantMember["role"]): TenantMember => ({
  user_id: email.split("@")[0]!, email, name: email, role, grants: [], source_ids: null, joined_at: "2026-11-23T09:00:00Z",
});

afterEach(tidyUp);

describe("the pages of Settings", () => {
  it("are offered by scope; the account to everybody", async () => {
    answering(holding("keys.manage"));
    renderPage(<SettingsNavigation />);
    await screen.findByRole("link", { name: "Service keys" });
    expect(screen.getAllByRole("link").map((link) => link.textContent)).toEqual(["Account", "Service keys"]);
  });

  it("say what is missing to those who lack the scope, and read nothing", async () => {
    const sent = answering(holding("insights.read"));
    renderPage(<PageFrame title="Members" scope="members.manage"><MemberList /></PageFrame>);
    await screen.findByText("Your role does not allow this");
    expect(sent.some((one) => one.call === "GET /v1/members")).toBe(false);
  });

  it("say what went wrong when rights cannot be read", async () => {
    answering({ ...holding(), "GET /v1/me": () => problem(503, "The service cannot answer at the moment") });
    renderPage(<PageFrame title="Members" scope="members.manage">secret</PageFrame>);
    await screen.findByText("The service cannot answer at the moment");
    expect(screen.queryByText("secret")).toBeNull();
  });
});

describe("members", () => {
  it("who are owners are left alone by those who may not manage owners", async () => {
    answering({ ...holding("members.manage"), "GET /v1/members": { items: [member("own@acme.example", "owner"), member("ann@acme.example", "viewer")], next_cursor: null } });
    renderPage(<MemberList />);
    await screen.findByRole("button", { name: "Remove ann@acme.example" });
    expect(screen.queryByRole("button", { name: "Remove own@acme.example" })).toBeNull();
  });

  it("get a role, a grant and their sources in one change", async () => {
    const sent = answering({ ...holding("members.manage"), "PATCH /v1/members/ann": 204 });
    const close = vi.fn();
    renderPage(<RightsDialog member={member("ann@acme.example", "viewer")} onClose={close} />);
    expect(within(await screen.findByLabelText("Role")).queryByText("owner")).toBeNull();
    fireEvent.change(screen.getByLabelText("Role"), { target: { value: "analyst" } });
    fireEvent.click(screen.getByLabelText(/Sees personal data/));
    fireEvent.click(screen.getByLabelText(/Only these/));
    expect(screen.getByRole<HTMLButtonElement>("button", { name: "Save" }).disabled).toBe(true);
    fireEvent.click(await screen.findByLabelText("Tickets"));
    fireEvent.click(screen.getByRole("button", { name: "Save" }));
    await vi.waitFor(() => expect(close).toHaveBeenCalled());
    expect(sent.find((one) => one.call.startsWith("PATCH"))?.body).toEqual({ role: "analyst", grants: ["messages.read_unmasked"], source_ids: ["s2"] });
  });

  it("stay in the dialog with the reason when the API refuses", async () => {
    answering({ ...holding("members.manage"), "PATCH /v1/members/ann": () => problem(422, "The last owner of a tenant stays its owner") });
    const close = vi.fn();
    renderPage(<RightsDialog member={member("ann@acme.example", "viewer")} onClose={close} />);
    fireEvent.click(screen.getByRole("button", { name: "Save" }));
    await screen.findByText("The last owner of a tenant stays its owner");
    expect(close).not.toHaveBeenCalled();
  });

  it("are told how a link is handed out where there is no mail server", async () => {
    answering({ ...holding("members.manage"), "POST /v1/invitations": { id: "i1", delivery: "operator" } });
    renderPage(<InviteDialog onClose={() => undefined} />);
    fireEvent.change(screen.getByLabelText("E-mail"), { target: { value: "bo@acme.example" } });
    fireEvent.click(screen.getByRole("button", { name: "Invite" }));
    await screen.findByText("opsintel account link i1 --tenant acme");
  });

  it("lose with a role what only that role can have", () => {
    const analyst = { role: "analyst", grants: ["messages.read_unmasked"], source_ids: ["s1"] } as const;
    const given = { ...analyst, grants: [...analyst.grants], source_ids: [...analyst.source_ids] };
    expect(withRole(given, "viewer")).toEqual({ role: "viewer", grants: [], source_ids: ["s1"] });
    expect(withRole(given, "owner")).toEqual({ role: "owner", grants: [], source_ids: null });
    expect(isComplete({ ...given, source_ids: [] })).toBe(false);
  });
});

describe("a service key", () => {
  it("may be given no more than its maker holds, and less when it is limited to sources", () => {
    expect(givableScopes(["insights.read", "audit.read", "members.manage"], false)).toEqual(["insights.read", "audit.read"]);
    expect(givableScopes(["insights.read", "audit.read"], true)).toEqual(["insights.read"]);
  });

  it("shows its value once, in no cache", async () => {
    const made = { key: { id: "k1", name: "Report", prefix: "ops_3fK9" }, value: "ops_3fK9aQ2c-the-value" };
    const sent = answering({ ...holding("insights.read", "audit.read"), "POST /v1/service-keys": made });
    renderPage(<CreateKey onClose={() => undefined} />);
    fireEvent.change(screen.getByLabelText("Name"), { target: { value: "Report" } });
    await screen.findByLabelText("Audit log");
    fireEvent.click(screen.getByRole("button", { name: "Make the key" }));
    expect((await screen.findByLabelText<HTMLInputElement>("Value")).value).toBe(made.value);
    expect(sent.find((one) => one.call === "POST /v1/service-keys")?.body).toEqual({ name: "Report", scopes: ["insights.read"], source_ids: null, expires_in_days: 90 });
  });
});
