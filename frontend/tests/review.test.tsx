import { fireEvent, screen } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ReviewPage } from "@/components/review/review-page";
import { reasonInWords, type ReviewItem } from "@/lib/review";
import { answering, renderPage, sessionOf, tidyUp } from "@/tests/rendering";

vi.mock("next/navigation", () => ({ useRouter: () => ({}), usePathname: () => "/review/" }));

const item: ReviewItem = {
  id: "r1", message_id: "m1", subject: "Wrong tax on invoice 4417", snippet: "It shows 19 %", author: "Ana", occurred_at: "2026-11-22T17:40:00Z",
  reason: "low_confidence", fields: ["severity"], detail: null, confidence: 0.2, state: "open", resolved_by: null, created_at: "2026-11-23T09:00:00Z", resolved_at: null,
  shown: { kind: "billing", category: "Billing / Tax", severity: 4, impact: "individual", urgency: "none", sentiment: "neutral", not_actionable_reason: null, title: "Tax", summary: "Tax" },
};
const routes = (items: ReviewItem[], ...scopes: string[]) => ({
  "POST /v1/auth/refresh": sessionOf("acme"), "GET /v1/me": { ...sessionOf("acme"), scopes },
  "GET /v1/review-items": { items, next_cursor: null }, "POST /v1/review-items/r1/resolve": { ...item, state: "confirmed" },
});
const said = (sent: { call: string; body?: unknown }[]) => sent.filter(({ call }) => call.startsWith("POST /v1/review-items")).map(({ body }) => body);

afterEach(tidyUp);

describe("the review queue", () => {
  it("shows why a message waits, and takes that it is right", async () => {
    const sent = answering(routes([item], "insights.read", "corrections.write"));
    renderPage(<ReviewPage />);
    await screen.findByText(/Unsure: severity/);
    fireEvent.click(await screen.findByRole("button", { name: "Right" }));
    await vi.waitFor(() => expect(said(sent)).toEqual([{ verdict: "confirmed", corrections: [], reason: "" }]));
  });

  it("sends what is corrected, and only that", async () => {
    const sent = answering(routes([item], "insights.read", "corrections.write"));
    renderPage(<ReviewPage />);
    const severity = await screen.findByLabelText("Severity");
    expect((screen.getByRole("button", { name: "Correct" }) as HTMLButtonElement).disabled).toBe(true);
    fireEvent.change(severity, { target: { value: "2" } });
    fireEvent.click(screen.getByRole("button", { name: "Correct" }));
    await vi.waitFor(() => expect(said(sent)).toEqual([{ verdict: "corrected", corrections: [{ field: "severity", value: 2 }], reason: "" }]));
  });

  it("is only shown to who may not correct", async () => {
    answering(routes([item], "insights.read"));
    renderPage(<ReviewPage />);
    await screen.findByText("Wrong tax on invoice 4417");
    expect(screen.queryByRole("button", { name: "Right" })).toBeNull();
  });

  it("says that nothing waits", async () => {
    answering(routes([], "insights.read"));
    renderPage(<ReviewPage />);
    await screen.findByText("Nothing waits");
  });
});

describe("a reason in words", () => {
  it("names the fields, and why no model could", () => {
    expect(reasonInWords({ ...item, reason: "disagreement", fields: ["not_actionable_reason"] })).toBe("Models or rules disagree: whether to act");
    expect(reasonInWords({ ...item, reason: "failed", fields: [], detail: "refused" })).toBe("No model could analyse it: refused");
    expect(reasonInWords({ ...item, reason: "sample", fields: [] })).toBe("Random sample");
  });
});
