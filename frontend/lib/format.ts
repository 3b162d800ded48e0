const number = new Intl.NumberFormat("en");

export const formatNumber = (value: number): string => number.format(value);

/** A day and time in UTC, as everything in the product is counted. */
export function formatTime(value: string | null | undefined): string {
  if (!value) return "–";
  const moment = new Date(value);
  return Number.isNaN(moment.getTime()) ? "–" : `${moment.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

export const formatDay = (day: string): string =>
  new Date(`${day}T00:00:00Z`).toLocaleDateString("en", { month: "short", day: "numeric", timeZone: "UTC" });

/** How long ago, in the largest unit that fits. */
export function formatAgo(value: string | null | undefined, now: Date = new Date()): string {
  if (!value) return "–";
  const minutes = Math.max(0, Math.round((now.getTime() - new Date(value).getTime()) / 60_000));
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 48 * 60) return `${Math.round(minutes / 60)} h ago`;
  return `${Math.round(minutes / 1440)} d ago`;
}

/** Change against the period before, in per cent; null where there was nothing to compare with. */
export const changeOf = (value: number, previous: number): number | null =>
  previous === 0 ? null : Math.round(((value - previous) / previous) * 100);

export const SOURCE_NAMES: Record<string, string> = {
  mbox: "Mailbox", maildir: "Maildir", eml_folder: "Mail folder", slack_export: "Slack", csv_file: "Tickets (CSV)", jsonl: "JSON Lines",
};
export const sourceName = (kind: string): string => SOURCE_NAMES[kind] ?? kind.replaceAll("_", " ");

/** Rows as CSV (RFC 4180); text that a spreadsheet would take for a formula gets an apostrophe. */
export function toCsv(header: string[], rows: (string | number | null | undefined)[][]): string {
  const cell = (value: string | number | null | undefined) => {
    const text = String(value ?? "");
    const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return [header, ...rows].map((row) => row.map(cell).join(",")).join("\r\n");
}
