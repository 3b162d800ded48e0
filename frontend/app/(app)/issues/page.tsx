import type { Metadata } from "next";
import { Suspense } from "react";
import { IssueList } from "@/components/issue/issue-list";

export const metadata: Metadata = { title: "Issues" };

export default function IssuesPage() {
  return <Suspense><IssueList /></Suspense>;
}
