import { Input, Labelled } from "@/components/ui/field";

export function EmailField() {
  return <Labelled label="E-mail">{(ids) => <Input {...ids} name="email" type="email" autoComplete="username" required className="min-h-10" />}</Labelled>;
}
