// aimock on a port of this machine: it speaks the providers' protocols, and another server says what is answered.
import { LLMock } from "@copilotkit/aimock";

const [port, brain] = process.argv.slice(2);
const mock = new LLMock({ port: Number(port), host: "127.0.0.1", logLevel: "silent", journalMaxEntries: 1 });
mock.on({ predicate: () => true }, async (request) => {
  const said = await fetch(brain, { method: "POST", body: JSON.stringify(request) });
  return said.json();
});
await mock.start();
