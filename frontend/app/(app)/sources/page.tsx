import type { Metadata } from "next";
import { Sources } from "@/components/sources/sources";

export const metadata: Metadata = { title: "Sources" };

export default function SourcesPage() {
  return <Sources />;
}
