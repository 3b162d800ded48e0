import { type Budget, formatUsd, totalOf, type Usage } from "@/lib/cost";
import { formatNumber } from "@/lib/format";

/** The figures of the month: spent, set aside, ceiling, calls, tokens. */
export function CostCards({ rows, month }: { rows: Usage[]; month?: Budget }) {
  const total = totalOf(rows);
  const cards = [
    { name: "Spent", value: formatUsd(month ? month.spent_usd : total.cost_usd), note: total.unpriced > 0 ? `${formatNumber(total.unpriced)} calls at an unknown price` : "this month" },
    { name: "Set aside", value: formatUsd(month?.reserved_usd ?? 0), note: "for calls under way" },
    { name: "Ceiling", value: month ? formatUsd(month.limit_usd) : "none", note: month?.is_reached ? "reached: work waits" : "a month" },
    { name: "Calls", value: formatNumber(total.calls), note: `${formatNumber(total.failed)} gave no answer` },
    { name: "Tokens", value: formatNumber(total.tokens_in + total.tokens_out), note: `${formatNumber(total.tokens_cached)} cached` },
  ];
  return (
    <dl className="grid grid-cols-2 gap-3 lg:grid-cols-5">
      {cards.map(({ name, value, note }) => (
        <div key={name} className="rounded-lg border bg-card p-4">
          <dt className="text-xs text-muted-foreground">{name}</dt>
          <dd className="text-2xl font-semibold">{value}</dd>
          <dd className="text-xs text-muted-foreground">{note}</dd>
        </div>
      ))}
    </dl>
  );
}
