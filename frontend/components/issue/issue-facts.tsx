import { severityName, SEVERITIES } from "@/components/severity";
import { Card, CardTitle } from "@/components/ui/card";
import type { Schemas } from "@/lib/api";
import { formatNumber, formatTime, sourceName } from "@/lib/format";

const describe: Record<string, string> = { created: "Created", merged: "Merged into another issue", absorbed: "Took in another issue", regressed: "Came back after it was resolved" };

export function IssueFacts({ issue }: { issue: Schemas["Issue"] }) {
  const facts: [string, string][] = [
    ["First seen", formatTime(issue.first_seen)], ["Last seen", formatTime(issue.last_seen)],
    ["Messages", formatNumber(issue.messages)], ["Customers", formatNumber(issue.customers)],
    ["Sources", issue.sources.map(sourceName).join(", ")], ["Languages", issue.languages.map((l) => `${l.name || "?"} ${l.messages}`).join(", ")],
  ];
  return (
    <div className="flex flex-col gap-5">
      <Card>
        <CardTitle>Facts</CardTitle>
        <dl className="grid grid-cols-[6rem_minmax(0,1fr)] gap-y-1.5 text-sm">
          {facts.map(([name, value]) => [<dt key={name} className="text-muted-foreground">{name}</dt>, <dd key={`${name}-value`} className="break-words">{value}</dd>])}
        </dl>
      </Card>
      <Card>
        <CardTitle>Severity mix</CardTitle>
        <ul className="flex flex-col gap-1 text-sm">
          {SEVERITIES.map((level) => <li key={level} className="flex justify-between"><span>{severityName(level)}</span><span>{issue.severity_mix[`sev${level}`]}</span></li>)}
        </ul>
      </Card>
      <Card>
        <CardTitle>History</CardTitle>
        <ol className="flex flex-col gap-2 text-sm">
          {issue.history.map((entry) => <li key={`${entry.at}${entry.kind}`}>{describe[entry.kind] ?? entry.kind}<p className="text-xs text-muted-foreground">{formatTime(entry.at)} · {entry.actor}</p></li>)}
        </ol>
      </Card>
    </div>
  );
}
