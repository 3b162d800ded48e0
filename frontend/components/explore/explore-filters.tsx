"use client";

import { Search } from "lucide-react";
import { PeriodSelect } from "@/components/period-select";
import { severityName, SEVERITIES } from "@/components/severity";
import { Button } from "@/components/ui/button";
import { Input, Select } from "@/components/ui/field";
import { useSources } from "@/lib/queries";
import { useUrlState } from "@/lib/url-state";

const KINDS = ["help", "complaint", "request", "bug_report", "incident", "question", "praise", "churn_risk", "billing", "security", "legal", "other"];

export function ExploreFilters() {
  const [read, write] = useUrlState();
  const sources = useSources();
  const q = read("q");
  return (
    <div className="flex flex-col gap-2">
      <form role="search" className="flex flex-wrap gap-2" onSubmit={(event) => { event.preventDefault(); write({ q: String(new FormData(event.currentTarget).get("q")) }); }}>
        <Input key={q} name="q" defaultValue={q} type="search" placeholder="Search messages…" aria-label="Search messages" className="min-w-48 flex-1" />
        <Select aria-label="How to search" value={read("mode") || "hybrid"} onChange={(event) => write({ mode: event.target.value === "hybrid" ? "" : event.target.value })}>
          <option value="hybrid">Words and meaning</option><option value="text">Words only</option><option value="semantic">Meaning only</option>
        </Select>
        <Button type="submit" variant="primary"><Search size={14} aria-hidden />Search</Button>
      </form>
      {!q && (
        <div className="flex flex-wrap gap-2">
          <PeriodSelect />
          <Select aria-label="Source" value={read("source")} onChange={(event) => write({ source: event.target.value })}>
            <option value="">Any source</option>
            {sources.data?.items.map((source) => <option key={source.id} value={source.id}>{source.name}</option>)}
          </Select>
          <Select aria-label="Kind" value={read("kind")} onChange={(event) => write({ kind: event.target.value })}>
            <option value="">Any kind</option>
            {KINDS.map((kind) => <option key={kind} value={kind}>{kind.replaceAll("_", " ")}</option>)}
          </Select>
          <Select aria-label="Severity" value={read("severity")} onChange={(event) => write({ severity: event.target.value })}>
            <option value="">Any severity</option>
            {SEVERITIES.map((level) => <option key={level} value={level}>{severityName(level)}</option>)}
          </Select>
          <Select aria-label="Needs action" value={read("actionable")} onChange={(event) => write({ actionable: event.target.value })}>
            <option value="">All messages</option><option value="true">Needs action</option><option value="false">Needs none</option>
          </Select>
        </div>
      )}
    </div>
  );
}
