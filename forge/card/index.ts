/** The dataset card: pure text from a manifest. Reads and writes nothing. */
export { renderCard, type CardFile, type RejectExample } from "./card.ts";
