import { Cell, Table } from "@/components/ui/table";
import { type Budget, formatUsd } from "@/lib/cost";

const DEGRADE: Record<Budget["degrade"], string> = { park: "work waits at the ceiling", cheaper: "the cheapest model comes first", sample: "a sample is analysed" };
const nameOf = ({ scope, source_name, job_id }: Budget) => (scope === "month" ? "The month" : scope === "platform" ? "The month, by the installation’s keys" : scope === "source" ? (source_name ?? "A source that is gone") : `Backfill ${job_id}`);

/** The ceilings, and how much of each is used. */
export function BudgetTable({ budgets }: { budgets: Budget[] }) {
  return (
    <section className="flex flex-col gap-2">
      <h2 className="text-sm font-semibold">Ceilings</h2>
      <Table label="Ceilings" header={["Of", "Spent", "Set aside", "Ceiling", "Before it"]}>
        {budgets.map((budget) => (
          <tr key={budget.id}>
            <Cell><span className="block font-medium break-words">{nameOf(budget)}</span>{budget.is_reached && <span className="rounded-full bg-sev1/15 px-2 py-0.5 text-xs font-medium">Reached: work waits</span>}</Cell>
            <Cell className="tabular-nums">{formatUsd(budget.spent_usd)}</Cell>
            <Cell className="tabular-nums">{formatUsd(budget.reserved_usd)}</Cell>
            <Cell className="tabular-nums">{formatUsd(budget.limit_usd)}</Cell>
            <Cell className="text-xs text-muted-foreground">{budget.degrade === "park" ? DEGRADE.park : `from ${Math.round(budget.degrade_from * 100)} % ${DEGRADE[budget.degrade]}`}</Cell>
          </tr>
        ))}
      </Table>
    </section>
  );
}
