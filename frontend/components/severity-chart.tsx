"use client";

import { Bar, BarChart, CartesianGrid, Legend, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import { severityName, SEVERITIES } from "@/components/severity";
import { formatDay } from "@/lib/format";

export interface SeverityDay { day: string; sev1: number; sev2: number; sev3: number; sev4: number; sev5: number }

/** Stacked bars a day, the worst at the bottom where days can be compared. */
export default function SeverityChart({ days }: { days: SeverityDay[] }) {
  return (
    <ResponsiveContainer width="100%" height={260}>
      <BarChart data={days} margin={{ top: 4, right: 4, left: -18, bottom: 0 }}>
        <CartesianGrid vertical={false} stroke="var(--border)" />
        <XAxis dataKey="day" tickFormatter={formatDay} minTickGap={28} tick={{ fill: "var(--muted-foreground)", fontSize: 12 }} tickLine={false} axisLine={false} />
        <YAxis allowDecimals={false} tick={{ fill: "var(--muted-foreground)", fontSize: 12 }} tickLine={false} axisLine={false} />
        <Tooltip labelFormatter={(day) => formatDay(String(day))} cursor={{ fill: "var(--muted)" }}
          contentStyle={{ background: "var(--card)", border: "1px solid var(--border)", borderRadius: 8, fontSize: 12 }} />
        <Legend iconType="circle" iconSize={8} wrapperStyle={{ fontSize: 12 }} />
        {SEVERITIES.map((level) => (
          <Bar key={level} dataKey={`sev${level}`} name={severityName(level)} stackId="severity" fill={`var(--sev${level})`} isAnimationActive={false} />
        ))}
      </BarChart>
    </ResponsiveContainer>
  );
}
