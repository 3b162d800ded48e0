import { api, type Schemas, unwrap } from "@/lib/api";

/** A message with the personal data in it, for a reason that is recorded. The caller holds it; no cache does. */
export const revealMessage = (id: string, reason: string): Promise<Schemas["Message"]> =>
  unwrap(api.POST("/v1/messages/{message_id}/reveal", { params: { path: { message_id: id } }, body: { reason } }));
