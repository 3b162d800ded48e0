import type { Metadata } from "next";
import { LogIn } from "@/components/entry/log-in";

export const metadata: Metadata = { title: "Log in" };

export default function LogInPage() {
  return <LogIn />;
}
