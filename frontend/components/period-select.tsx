"use client";

import { Select } from "@/components/ui/field";
import { useUrlState } from "@/lib/url-state";

export const PERIODS = [7, 14, 30, 90] as const;

/** The period in the address as `days`; from and to are UTC days for the API. */
export function usePeriod(): { days: number; from: string; to: string } {
  const [read] = useUrlState();
  const days = Number(read("days")) || 30;
  const to = new Date();
  const from = new Date(to.getTime() - (days - 1) * 86_400_000);
  return { days, from: from.toISOString().slice(0, 10), to: to.toISOString().slice(0, 10) };
}

export function PeriodSelect() {
  const [, write] = useUrlState();
  const { days } = usePeriod();
  return (
    <Select aria-label="Period" value={days} onChange={(event) => write({ days: event.target.value === "30" ? "" : event.target.value })}>
      {PERIODS.map((count) => <option key={count} value={count}>Last {count} days</option>)}
    </Select>
  );
}
