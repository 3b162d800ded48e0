"use client";

import { BudgetTable } from "@/components/cost/budget-table";
import { CostCards } from "@/components/cost/cost-cards";
import { UsageTable } from "@/components/cost/usage-table";
import { Listed } from "@/components/listed";
import { Empty } from "@/components/states";
import { useBudgets, useUsage } from "@/lib/cost";

/** What calls of models cost this month: in all, against the ceilings, by model and by source. */
export function CostPage() {
  const budgets = useBudgets();
  const models = useUsage("model");
  const sources = useUsage("source");
  return (
    <div className="flex flex-col gap-5">
      <div>
        <h1 className="text-xl font-semibold">Cost</h1>
        <p className="text-sm text-muted-foreground">Calls of the tenant’s models in this month (UTC). Analyses by rules, and those that are reused, cost nothing.</p>
      </div>
      <Listed query={models}>{({ items }) => (
        <>
          <CostCards rows={items} month={budgets.data?.items.find(({ scope }) => scope === "month")} />
          {items.length === 0 ? <Empty title="No model was called this month">With a key of a provider its models make the analyses: <code>opsintel key add</code>.</Empty> : <UsageTable label="By model" rows={items} nameOf={(row) => row.model ?? ""} />}
        </>
      )}</Listed>
      <Listed query={sources}>{({ items }) => items.length > 0 && <UsageTable label="By source" rows={items} nameOf={(row) => row.source_name ?? "Several sources, or none"} />}</Listed>
      <Listed query={budgets}>{({ items }) => items.length === 0 ? <Empty title="There is no ceiling">Without one, nothing holds what models may cost: <code>opsintel key ceiling</code>.</Empty> : <BudgetTable budgets={items} />}</Listed>
    </div>
  );
}
