"use client";

import { Cell, Table } from "@/components/ui/table";
import { type AuditEntry, detailsInWords, partyInWords } from "@/lib/audit";
import { formatTime } from "@/lib/format";
import { useMemberNames } from "@/lib/members";

interface AuditTableProps { entries: AuditEntry[]; onActor: (id: string) => void; onSubject: (id: string) => void }

export function AuditTable({ entries, onActor, onSubject }: AuditTableProps) {
  const names = useMemberNames(entries.flatMap((entry) => [entry.actor.account, entry.subject.account]));
  return (
    <Table label="Audit log" header={["Time", "Who", "Did", "To what", "Details"]}>
      {entries.map((entry) => (
        <tr key={entry.seq}>
          <Cell className="whitespace-nowrap text-muted-foreground">{formatTime(entry.at)}</Cell>
          <Cell><Party words={partyInWords(entry.actor, names)} id={entry.actor.id} onChoose={onActor} /></Cell>
          <Cell><code className="text-xs">{entry.action}</code></Cell>
          <Cell><Party words={partyInWords(entry.subject, names)} id={entry.subject.id} onChoose={onSubject} /></Cell>
          <Cell className="max-w-72 text-xs break-words text-muted-foreground">{detailsInWords(entry.details)}</Cell>
        </tr>
      ))}
    </Table>
  );
}

/** Leads to the entries about the same one. */
function Party({ words, id, onChoose }: { words: string; id: string | null | undefined; onChoose: (id: string) => void }) {
  if (!id) return words;
  return <button type="button" onClick={() => onChoose(id)} title={`Only ${id}`} className="min-h-6 text-left break-words underline decoration-border underline-offset-4 hover:decoration-current">{words}</button>;
}
