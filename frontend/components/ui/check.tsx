import type { ComponentProps, ReactNode } from "react";

/** A checkbox or radio button with its label; the whole line is the target. */
export function Check({ label, type = "checkbox", ...props }: ComponentProps<"input"> & { label: ReactNode; type?: "checkbox" | "radio" }) {
  return (
    <label className="flex min-h-6 items-start gap-2 text-sm">
      <input type={type} className="mt-0.5 size-4 shrink-0 accent-primary" {...props} />
      <span className="min-w-0 break-words">{label}</span>
    </label>
  );
}
