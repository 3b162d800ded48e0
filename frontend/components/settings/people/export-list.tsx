"use client";

import { Listed } from "@/components/listed";
import { Empty } from "@/components/states";
import { Button } from "@/components/ui/button";
import { Outcome } from "@/components/ui/outcome";
import { Cell, Table } from "@/components/ui/table";
import { formatNumber, formatTime } from "@/lib/format";
import { isUnderWay, type PersonExport, saveExport, usePersonExports } from "@/lib/people";
import { useSubmit } from "@/lib/submit";

/** The exports that were asked for; none names the person. */
export function ExportList() {
  const query = usePersonExports();
  const { busy, problem, submit } = useSubmit();
  return (
    <div className="mt-4 flex flex-col gap-2">
      <Listed query={query}>
        {({ pages }) => (pages[0]?.items.length === 0 ? <Empty title="No file was asked for" /> : (
          <Table label="Files" header={["Asked for", "State", "Records", "Kept until", ""]}>
            {pages.flatMap((page) => page.items).map((one) => <ExportRow key={one.id} one={one} busy={busy} onSave={() => void submit(() => saveExport(one.id))} />)}
          </Table>
        ))}
      </Listed>
      <Outcome problem={problem} />
      {query.hasNextPage && <Button onClick={() => void query.fetchNextPage()} className="self-center">More</Button>}
    </div>
  );
}

function ExportRow({ one, busy, onSave }: { one: PersonExport; busy: boolean; onSave: () => void }) {
  const records = Object.values(one.records).reduce((sum, count) => sum + count, 0);
  return (
    <tr>
      <Cell className="whitespace-nowrap">{formatTime(one.requested_at)}</Cell>
      <Cell><span className="capitalize">{isUnderWay(one) ? "Being made…" : one.state}</span>{one.error && <span className="block text-xs text-muted-foreground">{one.error}</span>}</Cell>
      <Cell className="tabular-nums">{one.state === "done" ? formatNumber(records) : "–"}</Cell>
      <Cell className="whitespace-nowrap text-muted-foreground">{formatTime(one.expires_at)}</Cell>
      <Cell className="text-right">{one.state === "done" && <Button variant="ghost" onClick={onSave} disabled={busy} aria-label={`Download the file asked for ${formatTime(one.requested_at)}`}>Download</Button>}</Cell>
    </tr>
  );
}
