import { fireEvent, screen } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { AuditPage } from "@/components/settings/audit/audit-page";
import { type AuditEntry, detailsInWords, partyInWords } from "@/lib/audit";
import { answering, renderPage, sessionOf, tidyUp } from "@/tests/rendering";

const replace = vi.fn();
let address = "";
vi.mock("next/navigation", () => ({
  useRouter: () => ({ replace }), usePathname: () => "/settings/audit/", useSearchParams: () => new URLSearchParams(address),
}));
afterEach(tidyUp);

const holding = { "POST /v1/auth/refresh": sessionOf("acme"), "GET /v1/me": { ...sessionOf("acme"), scopes: ["audit.read"] } };
const entry: AuditEntry = {
  seq: 2, at: "2026-11-23T09:00:00Z", action: "member.removed", actor: { kind: "person", id: "4b1f2f0e-5f0c", name: null, account: "u1" },
  subject: { kind: "policy", id: null, name: "personal_data", account: null }, details: {},
};

describe("the audit log", () => {
  it("shows entries and leads to those of the same person", async () => {
    answering({ ...holding, "GET /v1/audit": { items: [entry], next_cursor: null } });
    renderPage(<AuditPage />);
    fireEvent.click(await screen.findByRole("button", { name: "person 4b1f2f0e" }));
    expect(replace).toHaveBeenCalledWith("/settings/audit/?actor=4b1f2f0e-5f0c", { scroll: false });
  });

  it("says when no entry fits, and offers to clear the filters", async () => {
    address = "action=member";
    answering({ ...holding, "GET /v1/audit": { items: [], next_cursor: null } });
    renderPage(<AuditPage />);
    expect((await screen.findByLabelText<HTMLInputElement>("Action")).value).toBe("member");
    fireEvent.click(await screen.findByRole("button", { name: "Clear the filters" }));
    expect(replace).toHaveBeenLastCalledWith("/settings/audit/", { scroll: false });
  });
});

describe("an entry in words", () => {
  it("names members by name and nobody who is unknown", () => {
    expect(partyInWords(entry.actor, new Map([["u1", "Ann"]]))).toBe("Ann");
    expect(partyInWords(entry.actor, new Map())).toBe("person 4b1f2f0e");
    expect(partyInWords(entry.subject, new Map())).toBe("policy personal_data");
  });

  it("lists details", () => expect(detailsInWords({ role: "admin", grants: [], limited_to_sources: ["a", "b"] })).toBe("role: admin, grants: –, limited to sources: a b"));
});
