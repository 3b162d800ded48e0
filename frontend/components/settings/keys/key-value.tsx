"use client";

import { Check, Copy } from "lucide-react";
import { useRef, useState } from "react";
import { Button } from "@/components/ui/button";
import { Input, Labelled } from "@/components/ui/field";

/** The value of a new key, this once: it is gone with the dialog. */
export function KeyValue({ value, onClose }: { value: string; onClose: () => void }) {
  const field = useRef<HTMLInputElement>(null);
  const [said, setSaid] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      setSaid("Copied");
    } catch {
      // Without HTTPS browsers give pages no clipboard.
      field.current?.select();
      setSaid("Selected: copy it with your keyboard");
    }
  };
  return (
    <>
      <Labelled label="Value" hint="Keep it where the program reads its secrets. It is not shown again.">
        {(ids) => (
          <div className="flex gap-2">
            <Input {...ids} ref={field} readOnly value={value} onFocus={(event) => event.currentTarget.select()} autoComplete="off" spellCheck={false} className="min-w-0 flex-1 font-mono" />
            <Button onClick={() => void copy()}>{said === "Copied" ? <Check size={14} aria-hidden /> : <Copy size={14} aria-hidden />}Copy</Button>
          </div>
        )}
      </Labelled>
      <p role="status" className="min-h-5 text-sm text-good">{said}</p>
      <Button variant="primary" className="self-end" onClick={onClose}>I have kept it</Button>
    </>
  );
}
