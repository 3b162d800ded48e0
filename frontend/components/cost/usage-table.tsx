import { Cell, Table } from "@/components/ui/table";
import { formatUsd, type Usage } from "@/lib/cost";
import { formatNumber } from "@/lib/format";

interface UsageTableProps { label: string; rows: Usage[]; nameOf: (row: Usage) => string }

/** Calls of models, added up by what `nameOf` names. */
export function UsageTable({ label, rows, nameOf }: UsageTableProps) {
  return (
    <section className="flex flex-col gap-2">
      <h2 className="text-sm font-semibold">{label}</h2>
      <Table label={label} header={["Name", "Calls", "Messages", "Tokens in", "Cached", "Tokens out", "Cost"]}>
        {rows.map((row, place) => (
          <tr key={place}>
            <Cell><span className="block font-medium break-words">{nameOf(row)}</span>{row.provider && <span className="text-xs text-muted-foreground">{row.provider}</span>}</Cell>
            {[row.calls, row.messages, row.tokens_in, row.tokens_cached, row.tokens_out].map((value, column) => <Cell key={column} className="tabular-nums">{formatNumber(value)}</Cell>)}
            <Cell className="tabular-nums whitespace-nowrap">{formatUsd(row.cost_usd)}{row.unpriced > 0 && <span className="block text-xs text-muted-foreground">{formatNumber(row.unpriced)} unpriced</span>}</Cell>
          </tr>
        ))}
      </Table>
    </section>
  );
}
