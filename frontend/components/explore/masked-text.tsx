import { maskedParts } from "@/lib/masking";

/** Text in which what is masked is set apart, and read out as one word instead of a row of dots. */
export function MaskedText({ text }: { text: string }) {
  return maskedParts(text).map((part, place) => (place % 2 === 0 ? part : (
    <span key={place} className="rounded bg-muted text-muted-foreground" title="Masked"><span aria-hidden>{part}</span><span className="sr-only">masked</span></span>
  )));
}
