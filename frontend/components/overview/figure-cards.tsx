import type { Schemas } from "@/lib/api";
import { cn } from "@/lib/class-names";
import { changeOf, formatNumber } from "@/lib/format";

const FIGURES = [
  { key: "messages", name: "Messages", moreIsBad: null },
  { key: "actionable", name: "Need action", moreIsBad: true },
  { key: "open_issues", name: "Open issues", moreIsBad: true },
  { key: "unique_customers", name: "Customers affected", moreIsBad: true },
] as const;

/** The four figures against the period before; good and bad are by meaning, not by sign. */
export function FigureCards({ figures }: { figures: Schemas["Figures"] }) {
  return (
    <dl className="grid grid-cols-2 gap-3 lg:grid-cols-4">
      {FIGURES.map(({ key, name, moreIsBad }) => {
        const { value, previous } = figures[key];
        const change = changeOf(value, previous);
        const tone = moreIsBad && change ? (change > 0 ? "text-danger" : "text-good") : "text-muted-foreground";
        return (
          <div key={key} className="rounded-lg border bg-card p-4">
            <dt className="text-xs text-muted-foreground">{name}</dt>
            <dd className="text-2xl font-semibold">{formatNumber(value)}</dd>
            <dd className={cn("text-xs", tone)}>{change === null ? "nothing before to compare" : `${change > 0 ? "+" : ""}${change} % against before`}</dd>
          </div>
        );
      })}
    </dl>
  );
}
