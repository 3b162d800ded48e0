import { Cpu } from "lucide-react";

/** Says that results come from built-in rules or the lexical embedder, wherever they are seen. */
export function ModeNotice({ builtIn, embedder, reason }: { builtIn: boolean; embedder?: string | null; reason?: string }) {
  if (!builtIn && embedder !== "lexical") return null;
  return (
    <p className="flex items-start gap-2 text-xs text-muted-foreground" title={reason}>
      <Cpu size={14} aria-hidden className="mt-0.5 shrink-0" />
      <span>
        Built-in analysis: rules{embedder ? ` and the ${embedder} embedder` : ""}, no model.
        {embedder === "lexical" && " Groups share words; paraphrases and other languages may stand apart."}
      </span>
    </p>
  );
}
