import { screen, within } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { CostPage } from "@/components/cost/cost-page";
import { formatUsd } from "@/lib/cost";
import { answering, renderPage, sessionOf, tidyUp } from "@/tests/rendering";

vi.mock("next/navigation", () => ({ useRouter: () => ({}), usePathname: () => "/cost/" }));

const budget = {
  id: "b1", scope: "month", source_id: null, source_name: null, job_id: null, limit_usd: 25, degrade: "cheaper", degrade_from: 0.8,
  sample_share: 0.2, spent_usd: 24.9, reserved_usd: 0.05, is_reached: true, created_at: "2026-11-01T09:00:00Z",
};
const row = (model: string, calls: number) => ({
  day: null, source_id: null, source_name: null, purpose: null, provider: "openai", model, calls, failed: 1, messages: calls * 10,
  tokens_in: 9000, tokens_out: 4000, tokens_cached: 5000, cost_usd: 0.0123, unpriced: 0,
});
const page = (items: unknown[]) => ({ items, next_cursor: null });
const routes = (usage: unknown[], budgets: unknown[]) => ({
  "POST /v1/auth/refresh": sessionOf("acme"), "GET /v1/budgets": page(budgets),
  "GET /v1/usage": { period: { from: "2026-11-01", to: "2026-11-30" }, ...page(usage) },
});

afterEach(tidyUp);

describe("the page of costs", () => {
  it("shows what is spent, set aside and left, calls and tokens, by model", async () => {
    answering(routes([row("gpt-4o-mini", 40), row("gpt-4o", 2)], [budget]));
    renderPage(<CostPage />);
    const models = await screen.findByRole("region", { name: "By model" });
    expect(within(models).getByText("gpt-4o-mini")).toBeTruthy();
    await screen.findByText("reached: work waits");
    const figure = (name: string) => screen.getAllByText(name)[0]?.nextElementSibling?.textContent;
    expect(["Spent", "Set aside", "Ceiling", "Calls", "Tokens"].map(figure)).toEqual(["$24.90", "$0.0500", "$25.00", "42", "26,000"]);
    expect(screen.getByText("from 80 % the cheapest model comes first")).toBeTruthy();
  });

  it("says what to do where there is no model and no ceiling", async () => {
    answering(routes([], []));
    renderPage(<CostPage />);
    await screen.findByText("No model was called this month");
    await screen.findByText("There is no ceiling");
    expect(screen.getByText("none")).toBeTruthy();
  });
});

describe("an amount", () => {
  it("has four digits where it is less than a dollar", () => {
    expect([0, 0.0123, 0.5, 1, 24.9].map(formatUsd)).toEqual(["$0.00", "$0.0123", "$0.5000", "$1.00", "$24.90"]);
  });
});
