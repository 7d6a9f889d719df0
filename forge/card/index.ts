/** The dataset card: pure text from a manifest. Reads and writes nothing. */
export { renderCard, type CardFile, type CardLayout } from "./card.ts";
export type { RejectExample } from "./sections-figures.ts";
