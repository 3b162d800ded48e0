import { SeverityBadge } from "@/components/severity";
import { formatTime, sourceName } from "@/lib/format";
import type { MessageRow } from "@/lib/queries";

export function MessageTable({ rows, onShow }: { rows: MessageRow[]; onShow: (id: string) => void }) {
  return (
    <ul className="divide-y rounded-lg border bg-card">
      {rows.map((row) => (
        <li key={row.id}>
          <button type="button" onClick={() => onShow(row.id)} className="grid w-full min-w-0 grid-cols-1 gap-1 p-3 text-left hover:bg-muted/60 md:grid-cols-[minmax(0,1fr)_6rem_9.5rem] md:items-center md:gap-4">
            <span className="min-w-0">
              <span className="block truncate text-sm font-medium">{row.subject || row.snippet || "No text"}</span>
              <span className="block truncate text-sm text-muted-foreground">{row.subject ? row.snippet : ""}</span>
              <span className="block truncate text-xs text-muted-foreground">{row.author ?? "Unknown"} · {sourceName(row.source_kind)}{row.issue && ` · #${row.issue.number} ${row.issue.title}`}{row.automatic && ` · ${row.automatic.replaceAll("_", " ")}`}</span>
            </span>
            <SeverityBadge level={row.actionable ? row.severity : null} />
            <span className="text-xs text-muted-foreground md:text-right">{formatTime(row.occurred_at)}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
