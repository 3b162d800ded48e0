"use client";

import { useTheme } from "next-themes";
import { useEffect, useState } from "react";
import { Select } from "@/components/ui/field";

export function ThemeSelect() {
  const { theme, setTheme } = useTheme();
  const [mounted, setMounted] = useState(false);
  useEffect(() => setMounted(true), []);
  return (
    <Select aria-label="Theme" value={mounted ? theme : "system"} onChange={(event) => setTheme(event.target.value)} className="w-full">
      <option value="system">System theme</option>
      <option value="light">Light</option>
      <option value="dark">Dark</option>
    </Select>
  );
}
