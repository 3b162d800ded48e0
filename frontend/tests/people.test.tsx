import { fireEvent, screen } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ErasePerson } from "@/components/settings/people/erase-person";
import { ErasureList } from "@/components/settings/people/erasure-list";
import { ExportList } from "@/components/settings/people/export-list";
import { PeoplePage } from "@/components/settings/people/people-page";
import { answering, problem, renderPage, sessionOf, tidyUp } from "@/tests/rendering";

vi.mock("next/navigation", () => ({ useRouter: () => ({}), usePathname: () => "/settings/people/" }));

const EMAIL = "ana@victim.example";
const holding = (...scopes: string[]) => ({
  "POST /v1/auth/refresh": sessionOf("acme"), "GET /v1/me": { ...sessionOf("acme"), scopes },
  "GET /v1/erasures": { items: [], next_cursor: null }, "GET /v1/person-exports": { items: [], next_cursor: null },
});
const dryRun = (state: string, stores: Record<string, number> | null = null) => ({
  id: "d1", kind: "person", dry_run: true, dry_run_id: null, state, stores, receipt: null, error: state === "failed" ? "This is the only owner of the tenant" : "",
  asked_by: { kind: "person", id: "u1", name: null }, requested_at: "2026-11-23T09:00:00Z", finished_at: null,
});
const look = () => {
  fireEvent.change(screen.getByLabelText("E-mail of the person to erase"), { target: { value: EMAIL } });
  fireEvent.click(screen.getByRole("button", { name: "See what would go" }));
};

afterEach(tidyUp);

describe("erasing a person", () => {
  it("shows what would go by store, and erases only once the address was typed again", async () => {
    const sent = answering({ ...holding("policies.manage"), "POST /v1/erasures": { id: "d1" }, "GET /v1/erasures/d1": dryRun("done", { events: 1234, objects: 0 }) });
    renderPage(<ErasePerson />);
    look();
    await screen.findByText("1,234");
    fireEvent.click(screen.getByRole("button", { name: "Erase…" }));
    const erase = await screen.findByRole<HTMLButtonElement>("button", { name: "Erase" });
    expect(erase.disabled).toBe(true);
    fireEvent.change(screen.getByLabelText(`Type ${EMAIL} to confirm`), { target: { value: EMAIL.toUpperCase() } });
    expect(erase.disabled).toBe(false);
    fireEvent.click(erase);
    await vi.waitFor(() => expect(sent.filter((one) => one.call === "POST /v1/erasures").map((one) => one.body)).toEqual([
      { subject: { email: EMAIL }, dry_run: true },
      { subject: { email: EMAIL }, dry_run: false, dry_run_id: "d1" },
    ]));
  });

  it("says so while it looks, and offers no erasure before it has", async () => {
    answering({ ...holding("policies.manage"), "POST /v1/erasures": { id: "d1" }, "GET /v1/erasures/d1": dryRun("running") });
    renderPage(<ErasePerson />);
    look();
    await screen.findByText("Looking through every store…");
    expect(screen.queryByRole("button", { name: "Erase…" })).toBeNull();
  });

  it("says why it cannot be done", async () => {
    answering({ ...holding("policies.manage"), "POST /v1/erasures": { id: "d1" }, "GET /v1/erasures/d1": dryRun("failed") });
    renderPage(<ErasePerson />);
    look();
    await screen.findByText("This is the only owner of the tenant");
    expect(screen.queryByRole("button", { name: "Erase…" })).toBeNull();
  });

  it("stays in the dialog with the reason where something has changed since", async () => {
    answering({
      ...holding("policies.manage"), "GET /v1/erasures/d1": dryRun("done", { events: 1 }),
      "POST /v1/erasures": (body: unknown) => ((body as { dry_run: boolean }).dry_run ? { id: "d1" } : problem(409, "What would be removed has changed")),
    });
    renderPage(<ErasePerson />);
    look();
    fireEvent.click(await screen.findByRole("button", { name: "Erase…" }));
    fireEvent.change(await screen.findByLabelText(`Type ${EMAIL} to confirm`), { target: { value: EMAIL } });
    fireEvent.click(screen.getByRole("button", { name: "Erase" }));
    await screen.findByText("What would be removed has changed");
  });

  it("leaves a receipt to be read", async () => {
    const receipt = { erasure: "e1", subject_hashes: ["ab"], counts: {}, stores: { events: 31 }, backups: [{ backup: "2026-11-22", restores_to: "2026-11-22T00:00:00Z", until: "it is removed" }], requested_at: "2026-11-23T09:00:00Z", finished_at: "2026-11-23T09:00:04Z", sha256: "c0ffee" };
    answering({ ...holding("policies.manage"), "GET /v1/erasures": { items: [{ ...dryRun("done"), id: "e1", dry_run: false, receipt }], next_cursor: null } });
    renderPage(<ErasureList />);
    fireEvent.click(await screen.findByRole("button", { name: "Receipt" }));
    await screen.findByText("c0ffee");
    screen.getByText("2026-11-22: until it is removed");
  });

  it("says what went wrong when the list cannot be read", async () => {
    answering({ ...holding("policies.manage"), "GET /v1/erasures": () => problem(503, "The service cannot answer at the moment") });
    renderPage(<ErasureList />);
    await screen.findByText("The service cannot answer at the moment");
  });
});

describe("a person's data", () => {
  const made = (state: string) => ({
    id: "x1", state, records: state === "done" ? { message: 7, analysis: 5 } : {}, size: 0, sha256: null, error: "", asked_by: { kind: "person", id: "u1", name: null },
    requested_at: "2026-11-23T09:00:00Z", finished_at: null, expires_at: state === "done" ? "2026-11-30T09:00:00Z" : null,
  });

  it("is offered only to those who may see personal data", async () => {
    answering(holding("policies.manage"));
    renderPage(<PeoplePage />);
    await screen.findByText("Nobody was erased");
    expect(screen.queryByText("Give a person their data")).toBeNull();
  });

  it("can be downloaded once it is made", async () => {
    const sent = answering({ ...holding("policies.manage"), "GET /v1/person-exports": { items: [made("done"), { ...made("running"), id: "x2" }], next_cursor: null }, "GET /v1/person-exports/x1/file": () => new Response("PK") });
    vi.stubGlobal("URL", Object.assign(URL, { createObjectURL: () => "blob:x", revokeObjectURL: () => undefined }));
    renderPage(<ExportList />);
    await screen.findByText("12");
    screen.getByText("Being made…");
    fireEvent.click(screen.getByRole("button", { name: /Download/ }));
    await vi.waitFor(() => expect(sent.some((one) => one.call === "GET /v1/person-exports/x1/file")).toBe(true));
  });
});
