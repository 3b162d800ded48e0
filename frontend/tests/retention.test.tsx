import { fireEvent, screen } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { AuditTable } from "@/components/settings/audit/audit-table";
import { RetentionPage } from "@/components/settings/retention/retention-page";
import { isShorter } from "@/lib/retention";
import { answering, renderPage, sessionOf, tidyUp } from "@/tests/rendering";

vi.mock("next/navigation", () => ({ useRouter: () => ({}), usePathname: () => "/settings/retention/" }));

const DAYS = { message_days: 730, raw_payload_days: null, fact_days: null, job_days: 90, audit_days: 3650 };
const policy = (days: Partial<typeof DAYS> = {}) => ({ ...DAYS, ...days, would_go: { messages: 4321, raw_payloads: 0, facts: 12, jobs: 0 } });
const holding = (...scopes: string[]) => ({
  "POST /v1/auth/refresh": sessionOf("acme"), "GET /v1/me": { ...sessionOf("acme"), scopes }, "GET /v1/policies/retention": policy(),
});

afterEach(tidyUp);

describe("retention", () => {
  it("that is shorter says first what would go", async () => {
    const sent = answering({ ...holding("policies.manage"), "PUT /v1/policies/retention": policy({ message_days: 30 }) });
    renderPage(<RetentionPage />);
    fireEvent.change(await screen.findByLabelText("Messages"), { target: { value: "30" } });
    fireEvent.click(screen.getByRole("button", { name: "Save" }));
    await screen.findByText("4,321 messages");
    expect(sent.filter((one) => one.call.startsWith("PUT")).length).toBe(1);
    fireEvent.click(screen.getByRole("button", { name: "Keep less" }));
    await vi.waitFor(() => expect(sent.filter((one) => one.call.startsWith("PUT")).map((one) => one.body)).toEqual([{ ...DAYS, message_days: 30 }, { ...DAYS, message_days: 30 }]));
  });

  it("that is longer is set at once", async () => {
    const sent = answering({ ...holding("policies.manage"), "PUT /v1/policies/retention": policy({ message_days: 900 }) });
    renderPage(<RetentionPage />);
    fireEvent.change(await screen.findByLabelText("Messages"), { target: { value: "900" } });
    fireEvent.click(screen.getByRole("button", { name: "Save" }));
    await vi.waitFor(() => expect(sent.filter((one) => one.call.startsWith("PUT")).length).toBe(1));
    expect(screen.queryByRole("button", { name: "Keep less" })).toBeNull();
  });

  it("is compared kind by kind: nothing said is for ever, or as long as the messages", () => {
    expect(isShorter({ ...DAYS, message_days: null }, DAYS)).toBe(false);
    expect(isShorter({ ...DAYS, raw_payload_days: 30 }, DAYS)).toBe(true);
    expect(isShorter({ ...DAYS, fact_days: 900 }, DAYS)).toBe(false);
    expect(isShorter(DAYS, { ...DAYS, fact_days: 900 })).toBe(true);
    expect(isShorter({ ...DAYS, job_days: 30 }, DAYS)).toBe(true);
  });
});

describe("the audit log", () => {
  it("names members beyond the first page of them", async () => {
    const member = (number: number) => ({ user_id: `u${number}`, email: `p${number}@acme.example`, name: `Person ${number}`, role: "viewer", grants: [], source_ids: null, joined_at: "2026-11-23T09:00:00Z" });
    let asked = 0;
    answering({
      ...holding("members.manage", "audit.read"),
      "GET /v1/members": () => ((asked += 1) === 1 ? { items: [member(1)], next_cursor: "more" } : { items: [member(2)], next_cursor: null }),
    });
    const entry = { seq: 1, at: "2026-11-23T09:00:00Z", action: "member.removed", details: {}, actor: { kind: "person", id: "a1", name: null, account: "u2" }, subject: { kind: "person", id: "a2", name: null, account: "u1" } };
    renderPage(<AuditTable entries={[entry]} onActor={() => undefined} onSubject={() => undefined} />);
    await screen.findByText("Person 2");
    screen.getByText("Person 1");
  });
});
