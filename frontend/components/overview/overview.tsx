"use client";

import dynamic from "next/dynamic";
import Link from "next/link";
import { ChartCard } from "@/components/chart-card";
import { IssueTable } from "@/components/issue-table";
import { ModeNotice } from "@/components/mode-notice";
import { FigureCards } from "@/components/overview/figure-cards";
import { SideLists } from "@/components/overview/side-lists";
import { PeriodSelect, usePeriod } from "@/components/period-select";
import { severityName, SEVERITIES } from "@/components/severity";
import { Empty, ErrorCard } from "@/components/states";
import { Skeleton } from "@/components/ui/skeleton";
import { formatDay, formatTime } from "@/lib/format";
import { useOverview } from "@/lib/queries";

const SeverityChart = dynamic(() => import("@/components/severity-chart"), { ssr: false, loading: () => <Skeleton className="h-65" /> });

export function Overview() {
  const { from, to } = usePeriod();
  const { data, error, refetch } = useOverview({ from, to });
  return (
    <div className="flex flex-col gap-5">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <div>
          <h1 className="text-xl font-semibold">Overview</h1>
          <p className="min-h-5 text-xs text-muted-foreground">
            {data && `Updated ${formatTime(data.freshness.updated_at)} · ${data.freshness.sources_healthy} of ${data.freshness.sources_total} sources healthy`}
          </p>
        </div>
        <PeriodSelect />
      </div>
      {error && !data ? <ErrorCard error={error} onRetry={() => void refetch()} /> : !data ? <Loading /> : data.freshness.sources_total === 0 ? (
        <Empty title="No source is connected yet">Import a mailbox, a Slack export or tickets with <code>opsintel import PATH --tenant NAME</code>; issues appear here.</Empty>
      ) : (
        <>
          <FigureCards figures={data.kpis} />
          <div className="grid grid-cols-1 gap-5 lg:grid-cols-[minmax(0,1fr)_20rem]">
            <ChartCard title="Messages by severity" height={260} header={["Day", ...SEVERITIES.map(severityName)]}
              rows={data.by_severity_day.map((day) => [formatDay(day.day), day.sev1, day.sev2, day.sev3, day.sev4, day.sev5])}>
              <SeverityChart days={data.by_severity_day} />
            </ChartCard>
            <SideLists overview={data} />
          </div>
          <div className="flex items-center justify-between">
            <h2 className="text-sm font-semibold">Top issues</h2>
            <Link href="/issues/" className="text-sm text-primary hover:underline">All issues</Link>
          </div>
          {data.top_issues.length ? <IssueTable issues={data.top_issues} /> : <Empty title="No issues in this period">Choose a longer period, or import more messages.</Empty>}
          <ModeNotice builtIn={data.analysis_mode.built_in} embedder={data.analysis_mode.embedder} reason={data.analysis_mode.reason} />
        </>
      )}
    </div>
  );
}

function Loading() {
  return (
    <div role="status" aria-label="Loading" className="flex flex-col gap-5">
      <div className="grid grid-cols-2 gap-3 lg:grid-cols-4">{[0, 1, 2, 3].map((place) => <Skeleton key={place} className="h-24" />)}</div>
      <div className="grid grid-cols-1 gap-5 lg:grid-cols-[minmax(0,1fr)_20rem]"><Skeleton className="h-84" /><Skeleton className="h-84" /></div>
      <Skeleton className="h-96" />
    </div>
  );
}
