"use client";

import { useQuery } from "@tanstack/react-query";
import { api, type Schemas, unwrap } from "@/lib/api";

export type Budget = Schemas["Budget"];
export type Usage = Schemas["Usage"];
type Grouped = "model" | "source";

export const useBudgets = () =>
  useQuery({ queryKey: ["budgets"], queryFn: () => unwrap(api.GET("/v1/budgets", { params: { query: { limit: 200 } } })) });

/** Calls of models in this UTC month, which is what ceilings count. */
export const useUsage = (group_by: Grouped) =>
  useQuery({
    queryKey: ["usage", group_by],
    queryFn: () => {
      const today = new Date().toISOString().slice(0, 10);
      return unwrap(api.GET("/v1/usage", { params: { query: { from: `${today.slice(0, 7)}-01`, to: today, group_by, limit: 200 } } }));
    },
  });

const FIGURES = ["calls", "failed", "messages", "tokens_in", "tokens_out", "tokens_cached", "cost_usd", "unpriced"] as const;

/** Rows of usage added up. */
export function totalOf(rows: Usage[]): Record<(typeof FIGURES)[number], number> {
  const total = { calls: 0, failed: 0, messages: 0, tokens_in: 0, tokens_out: 0, tokens_cached: 0, cost_usd: 0, unpriced: 0 };
  for (const row of rows) for (const name of FIGURES) total[name] += row[name];
  return total;
}

/** An amount in USD; small ones with four digits, since a call costs fractions of a cent. */
export const formatUsd = (usd: number): string => `$${usd.toFixed(usd !== 0 && usd < 1 ? 4 : 2)}`;
