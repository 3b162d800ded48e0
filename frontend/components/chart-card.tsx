"use client";

import { type ReactNode, useState } from "react";
import { Button } from "@/components/ui/button";
import { Card, CardTitle } from "@/components/ui/card";

interface ChartCardProps { title: string; header: string[]; rows: (string | number)[][]; height: number; children: ReactNode }

/** A chart that can also be read as a table. */
export function ChartCard({ title, header, rows, height, children }: ChartCardProps) {
  const [table, setTable] = useState(false);
  return (
    <Card>
      <CardTitle action={<Button variant="ghost" aria-pressed={table} onClick={() => setTable(!table)}>{table ? "Show as chart" : "Show as table"}</Button>}>{title}</CardTitle>
      <div style={{ minHeight: height, maxHeight: table ? height : undefined }} className={table ? "overflow-y-auto" : undefined} tabIndex={table ? 0 : undefined}>
        {table ? (
          <table className="w-full text-right text-xs">
            <thead><tr>{header.map((name) => <th key={name} scope="col" className="p-1 font-medium first:text-left">{name}</th>)}</tr></thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row[0]} className="border-t">{row.map((cell, place) => <td key={place} className="p-1 first:text-left">{cell}</td>)}</tr>
              ))}
            </tbody>
          </table>
        ) : children}
      </div>
    </Card>
  );
}
