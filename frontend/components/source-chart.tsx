"use client";

import { Bar, BarChart, CartesianGrid, Legend, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import { formatDay, sourceName } from "@/lib/format";

const tones = ["var(--primary)", "var(--sev4)", "var(--sev3)", "var(--sev2)", "var(--sev5)"];

/** Messages of an issue by day and kind of source. */
export default function SourceChart({ days, kinds }: { days: Record<string, string | number>[]; kinds: string[] }) {
  return (
    <ResponsiveContainer width="100%" height={200}>
      <BarChart data={days} margin={{ top: 4, right: 4, left: -18, bottom: 0 }}>
        <CartesianGrid vertical={false} stroke="var(--border)" />
        <XAxis dataKey="day" tickFormatter={formatDay} minTickGap={28} tick={{ fill: "var(--muted-foreground)", fontSize: 12 }} tickLine={false} axisLine={false} />
        <YAxis allowDecimals={false} tick={{ fill: "var(--muted-foreground)", fontSize: 12 }} tickLine={false} axisLine={false} />
        <Tooltip labelFormatter={(day) => formatDay(String(day))} cursor={{ fill: "var(--muted)" }}
          contentStyle={{ background: "var(--card)", border: "1px solid var(--border)", borderRadius: 8, fontSize: 12 }} />
        <Legend iconType="circle" iconSize={8} wrapperStyle={{ fontSize: 12 }} />
        {kinds.map((kind, place) => (
          <Bar key={kind} dataKey={kind} name={sourceName(kind)} stackId="source" fill={tones[place % tones.length]} isAnimationActive={false} />
        ))}
      </BarChart>
    </ResponsiveContainer>
  );
}
