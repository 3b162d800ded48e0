/** What the API puts in the place of personal data: one of these for each character, three after a person's initial. */
const MASKED = /•{3,}/;
const RUNS = /(•{3,})/;

export const isMasked = (text: string | null | undefined): boolean => MASKED.test(text ?? "");

/** A text cut into what is shown and what is masked, in turn; whatever is masked stands at odd places. */
export const maskedParts = (text: string): string[] => text.split(RUNS);
