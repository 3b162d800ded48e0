import { fireEvent, screen, within } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { AlertsPage } from "@/components/alerts/alerts-page";
import { Navigation } from "@/components/navigation";
import { type Alert, titleOf } from "@/lib/alerts";
import { answering, problem, renderPage, sessionOf, tidyUp } from "@/tests/rendering";

vi.mock("next/navigation", () => ({ useRouter: () => ({}), usePathname: () => "/alerts/" }));

const alert: Alert = {
  id: "a1", kind: "source.unhealthy", subject: { kind: "source", id: "s1", name: "Support mailbox" }, source_id: "s1", line: "It cannot be read: see why",
  state: "open", opened_at: "2026-11-23T09:00:00Z", resolved_at: null, acknowledged_at: null, acknowledged_by: null,
};
const known: Alert = { ...alert, id: "a2", acknowledged_at: "2026-11-23T10:00:00Z", acknowledged_by: { kind: "person", id: "u1", name: null } };
const over: Alert = { ...alert, id: "a3", kind: "budget.exhausted", subject: { kind: "budget", id: "b1", name: null }, state: "resolved", resolved_at: "2026-11-24T09:00:00Z" };
const routes = (items: Alert[], scopes: string[] = [], next: string | null = null) => ({
  "POST /v1/auth/refresh": sessionOf("acme"), "GET /v1/me": { ...sessionOf("acme"), scopes: ["insights.read", ...scopes] },
  "GET /v1/alerts": { items, next_cursor: next }, "POST /v1/alerts/a1/acknowledge": known,
});

afterEach(tidyUp);

describe("the page of alerts", () => {
  it("says of each what it is about, what to do and where, and how it stands", async () => {
    answering(routes([alert, known, over]));
    renderPage(<AlertsPage />);
    const [first, second, third] = await screen.findAllByRole("listitem");
    if (!first || !second || !third) throw new Error("three are shown");
    within(first).getByRole("heading", { name: "Source: Support mailbox" });
    within(first).getByText("It cannot be read: see why");
    expect(within(first).getByRole("link", { name: "Sources" }).getAttribute("href")).toMatch(/^\/sources\/?$/);
    within(first).getByText("Open");
    within(second).getByText("Acknowledged");
    within(third).getByText("Resolved");
    within(third).getByRole("link", { name: "Cost" });
    expect(screen.queryByRole("button")).toBeNull();
  });

  it("takes that somebody knows, from whoever may say so, and reads anew", async () => {
    const sent = answering(routes([alert, known, over], ["policies.manage"]));
    renderPage(<AlertsPage />);
    fireEvent.click(await screen.findByRole("button", { name: "Acknowledge Source: Support mailbox" }));
    await vi.waitFor(() => expect(sent.map(({ call }) => call).filter((call) => call.includes("alerts"))).toEqual(["GET /v1/alerts", "POST /v1/alerts/a1/acknowledge", "GET /v1/alerts"]));
    expect(screen.getAllByRole("button")).toHaveLength(1);
  });

  it("says what the API has against it", async () => {
    answering({ ...routes([alert], ["policies.manage"]), "POST /v1/alerts/a1/acknowledge": () => problem(409, "The alert is over") });
    renderPage(<AlertsPage />);
    fireEvent.click(await screen.findByRole("button", { name: /Acknowledge/ }));
    await screen.findByText("The alert is over");
  });

  it("says that there is none", async () => {
    answering(routes([]));
    renderPage(<AlertsPage />);
    await screen.findByText("There is no alert");
  });
});

describe("the count in the navigation", () => {
  const count = async () => (await screen.findByRole("link", { name: /^Alerts/ })).textContent;

  it("is of those that nobody has acknowledged, and says what it counts", async () => {
    answering(routes([alert, { ...alert, id: "a4" }, known]));
    renderPage(<Navigation />);
    await vi.waitFor(async () => expect(await count()).toBe("Alerts2 open"));
    expect(screen.getByRole("status").textContent).toBe("2 open");
  });

  it("says where there are more, and nothing where there is none", async () => {
    answering(routes([alert], [], "more"));
    const { unmount } = renderPage(<Navigation />);
    await vi.waitFor(async () => expect(await count()).toBe("Alerts1+ open"));
    unmount();
    const sent = answering(routes([known]));
    renderPage(<Navigation />);
    await vi.waitFor(() => expect(sent.map(({ call }) => call)).toContain("GET /v1/alerts"));
    expect(await count()).toBe("Alerts");
  });
});

describe("a title", () => {
  it("names the subject, where it has a name", () => {
    expect(titleOf(over)).toBe("Ceiling reached");
    expect(titleOf({ ...alert, kind: "key.invalid", subject: { kind: "model_key", id: "k1", name: "openai" } })).toBe("Model key: openai");
  });
});
