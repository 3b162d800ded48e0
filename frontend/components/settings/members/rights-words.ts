import { type Rights, UNMASKED } from "@/lib/members";

/** What somebody has beyond or below their role, in words. */
export function rightsInWords({ grants, source_ids: sources }: Pick<Rights, "grants" | "source_ids">): string {
  const parts = [
    grants.includes(UNMASKED) && "sees masked data",
    ...grants.filter((grant) => grant !== UNMASKED),
    sources && `${sources.length} ${sources.length === 1 ? "source" : "sources"} only`,
  ];
  return parts.filter(Boolean).join(", ") || "as the role";
}
