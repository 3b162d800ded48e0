"use client";

import { Download } from "lucide-react";
import { Button } from "@/components/ui/button";
import { toCsv } from "@/lib/format";

interface CsvButtonProps { name: string; header: string[]; rows: (string | number | null | undefined)[][] }

/** Saves exactly the rows that are shown. */
export function CsvButton({ name, header, rows }: CsvButtonProps) {
  const save = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(["\ufeff", toCsv(header, rows)], { type: "text/csv;charset=utf-8" }));
    link.download = `${name}.csv`;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return <Button onClick={save} disabled={rows.length === 0}><Download size={14} aria-hidden />CSV</Button>;
}
