import { cn } from "@/lib/class-names";

export const SEVERITIES = [1, 2, 3, 4, 5] as const;
const names = ["", "Critical", "High", "Medium", "Low", "Minor"];
const dots = ["", "bg-sev1", "bg-sev2", "bg-sev3", "bg-sev4", "bg-sev5"];

export const severityName = (level: number): string => names[level] ?? "Unknown";

/** Severity by dot and word: never by colour alone. */
export function SeverityBadge({ level }: { level: number | null | undefined }) {
  if (!level) return <span className="text-muted-foreground">–</span>;
  return (
    <span className="inline-flex items-center gap-1.5 whitespace-nowrap text-xs font-medium">
      <span aria-hidden className={cn("size-2 rounded-full", dots[level])} />
      {severityName(level)}
    </span>
  );
}

const tones: Record<string, string> = {
  escalating: "bg-sev2/15 text-foreground", regressed: "bg-sev1/15 text-foreground", new: "bg-accent text-foreground",
};

export function StateBadge({ state }: { state: string }) {
  return (
    <span className={cn("rounded-full bg-muted px-2 py-0.5 text-xs font-medium capitalize", tones[state])}>{state}</span>
  );
}
