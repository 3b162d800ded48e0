import type { Asked } from "@/components/settings/keys/service-keys-page";
import { Button } from "@/components/ui/button";
import { Cell, Table } from "@/components/ui/table";
import { cn } from "@/lib/class-names";
import { formatAgo, formatTime } from "@/lib/format";
import type { ServiceKey } from "@/lib/service-keys";

const TONES: Record<ServiceKey["state"], string> = { active: "bg-good/15", expired: "bg-muted", revoked: "bg-sev1/15" };

export function KeyTable({ keys, onAsk }: { keys: ServiceKey[]; onAsk: (asked: Asked) => void }) {
  return (
    <Table label="Service keys" header={["Name", "May", "State", "Ends", "Last used", ""]}>
      {keys.map((key) => (
        <tr key={key.id}>
          <Cell><span className="block font-medium break-words">{key.name}</span><code className="text-xs text-muted-foreground">{key.prefix}…</code></Cell>
          <Cell className="max-w-64 text-xs break-words text-muted-foreground">{key.scopes.join(", ")}{key.source_ids && `; ${key.source_ids.length} sources only`}</Cell>
          <Cell><span className={cn("rounded-full px-2 py-0.5 text-xs font-medium capitalize", TONES[key.state])}>{key.state}</span></Cell>
          <Cell className="text-xs whitespace-nowrap text-muted-foreground">{formatTime(key.expires_at)}{key.previous_until && <span className="block">old value until {formatTime(key.previous_until)}</span>}</Cell>
          <Cell className="text-xs whitespace-nowrap text-muted-foreground">{formatAgo(key.last_used_at)}</Cell>
          <Cell className="text-right whitespace-nowrap">
            {key.state !== "revoked" && (
              <>
                <Button variant="ghost" aria-label={`Rotate ${key.name}`} onClick={() => onAsk({ what: "rotate", key })}>Rotate</Button>
                <Button variant="ghost" aria-label={`Revoke ${key.name}`} onClick={() => onAsk({ what: "revoke", key })} className="text-danger">Revoke</Button>
              </>
            )}
          </Cell>
        </tr>
      ))}
    </Table>
  );
}
